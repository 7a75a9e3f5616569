package pii

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// find returns what stands where, as kind:text.
func find(text string) string {
	var out []string
	for _, m := range New(All).Find(nil, []byte(text)) {
		out = append(out, m.Kind.String()+":"+text[m.Start:m.End])
	}
	return strings.Join(out, " | ")
}

// Vectors are examples that others publish:
// RFC 5322 appendix A and RFC 6531 style addresses; ITU-T E.123 (2001) examples
// and Ofcom's and NANPA's numbers for fiction; the test cards of Stripe
// (docs.stripe.com/testing) and PayPal; the examples of SWIFT's IBAN registry;
// RFC 5737 and RFC 3849 addresses; keys of AWS's documentation and of RFC 7519.
func TestFound(t *testing.T) {
	for text, want := range map[string]string{
		"Write to jdoe@machine.example.":                     "email:jdoe@machine.example",
		"<john.q.public@example.com>":                        "email:john.q.public@example.com",
		"(user+tag@sub.example.co.uk)":                       "email:user+tag@sub.example.co.uk",
		"o'brien_1@ex-ample.org,x":                           "email:o'brien_1@ex-ample.org",
		"Jörg: jörg@müller.example":                          "email:jörg@müller.example",
		"联系john@example.com，谢谢":                              "email:联系john@example.com",
		"a@b.xn--p1ai":                                       "email:a@b.xn--p1ai",
		"ONE@X.YZ and two@x.yz":                              "email:ONE@X.YZ",
		strings.Repeat("a", 64) + "@example.org":             "email:" + strings.Repeat("a", 64) + "@example.org",
		"+22 609 123 4567":                                   "phone:+22 609 123 4567",
		"(0609) 123 4567":                                    "phone:(0609) 123 4567",
		"call +44 20 7946 0958 now":                          "phone:+44 20 7946 0958",
		"020 7946 0958":                                      "phone:020 7946 0958",
		"+49 (30) 1234-5678":                                 "phone:+49 (30) 1234-5678",
		"tel:+4930123456":                                    "phone:+4930123456",
		"0171/123 45 67":                                     "phone:0171/123 45 67",
		"030-123 456 78":                                     "phone:030-123 456 78",
		"01 23 45 67 89":                                     "phone:01 23 45 67 89",
		"(555) 234-0123.":                                    "phone:(555) 234-0123",
		"212-555-0123":                                       "phone:212-555-0123",
		"212.555.0123":                                       "phone:212.555.0123",
		"1-800-555-0199":                                     "phone:1-800-555-0199",
		"+1 (212) 555-0123 ext. 4":                           "phone:+1 (212) 555-0123",
		"0049 30 1234567":                                    "phone:0049 30 1234567",
		"4242424242424242":                                   "credit-card:4242424242424242",
		"Visa 4111 1111 1111 1111 12/27":                     "credit-card:4111 1111 1111 1111",
		"4111-1111-1111-1111":                                "credit-card:4111-1111-1111-1111",
		"5555555555554444,":                                  "credit-card:5555555555554444",
		"2223003122003222":                                   "credit-card:2223003122003222",
		"3782 822463 10005":                                  "credit-card:3782 822463 10005",
		"371449635398431":                                    "credit-card:371449635398431",
		"6011111111111117":                                   "credit-card:6011111111111117",
		"3056 9300 0902 04":                                  "",
		"3056 930009 0204":                                   "credit-card:3056 930009 0204",
		"36227206271667":                                     "credit-card:36227206271667",
		"3566002020360505":                                   "credit-card:3566002020360505",
		"6200000000000005":                                   "credit-card:6200000000000005",
		"6205500000000000004":                                "credit-card:6205500000000000004",
		"4222222222222":                                      "credit-card:4222222222222",
		"GB29NWBK60161331926819":                             "iban:GB29NWBK60161331926819",
		"IBAN: GB29 NWBK 6016 1331 9268 19.":                 "iban:GB29 NWBK 6016 1331 9268 19",
		"DE89370400440532013000":                             "iban:DE89370400440532013000",
		"FR14 2004 1010 0505 0001 3M02 606":                  "iban:FR14 2004 1010 0505 0001 3M02 606",
		"NO9386011117947":                                    "iban:NO9386011117947",
		"MT84MALT011000012345MTLCAST001S":                    "iban:MT84MALT011000012345MTLCAST001S",
		"LC55HEMM000100010012001200023015":                   "iban:LC55HEMM000100010012001200023015",
		"from 192.0.2.17, later":                             "ip:192.0.2.17",
		"http://203.0.113.9:8080/":                           "ip:203.0.113.9",
		"198.51.100.0/24":                                    "ip:198.51.100.0",
		"2001:db8::8a2e:370:7334":                            "ip:2001:db8::8a2e:370:7334",
		"[2001:db8::1]":                                      "ip:2001:db8::1",
		"at 2001:0DB8:0:0:0:0:0:1.":                          "ip:2001:0DB8:0:0:0:0:0:1",
		"key=AKIAIOSFODNN7EXAMPLE":                           "key:AKIAIOSFODNN7EXAMPLE",
		"hf_" + strings.Repeat("aB", 17):                     "key:hf_" + strings.Repeat("aB", 17),
		"ghp_" + strings.Repeat("aB3", 12):                   "key:ghp_" + strings.Repeat("aB3", 12),
		"github_pat_" + strings.Repeat("aB", 41):             "key:github_pat_" + strings.Repeat("aB", 41),
		"AIza" + strings.Repeat("aB-_7", 7):                  "key:AIza" + strings.Repeat("aB-_7", 7),
		"xoxb-" + "17653672481-19874698323-pdFZKVeTuE8sk7oO": "key:xoxb-" + "17653672481-19874698323-pdFZKVeTuE8sk7oO",
		"sk-proj-" + strings.Repeat("aB3_", 6):               "key:sk-proj-" + strings.Repeat("aB3_", 6),
		"sk_live_" + strings.Repeat("4eC3", 6):               "key:sk_live_" + strings.Repeat("4eC3", 6),
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE":              "key:-----BEGIN RSA PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----":                        "key:-----BEGIN PRIVATE KEY-----",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----":              "key:-----BEGIN PGP PRIVATE KEY BLOCK-----",
		"card:4242424242424242":                              "credit-card:4242424242424242",
		"ip:203.0.113.19":                                    "ip:203.0.113.19",
		"ip:2001:db8::1":                                     "ip:2001:db8::1",
		jwt:                                                  "key:" + jwt,
		"a@b.org, +4930123456 and c@d.org":                   "email:a@b.org | phone:+4930123456",
	} {
		if got := find(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// jwt is the example of RFC 7519 section 3.1, without its line breaks.
const jwt = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// TestNotFound has what looks alike in ordinary data.
func TestNotFound(t *testing.T) {
	for _, text := range []string{
		// No addresses.
		"", "@", "a@", "@b.org", "@handle", "me @ home", "user@localhost", "lodash@4.17.21", "@types/node@18.2.1", "icon@2x.png", "a@b.c", "a@-b.org", "a@b..org",
		"...@b.org", "a.@b.org", "a..b@c.org", "5 apples @ 3.50", "x@y.4ever", strings.Repeat("a", 65) + "@example.org", "a@" + strings.Repeat("b", 64) + ".org",
		// Dates and times.
		"2024-01-15 10:30:00", "2024-01-15T10:30:00.123456Z", "20240115103000", "1700000000", "1700000000000", "1700000000000000000", "01.02.2024 12:30", "01/02/2024 10 30",
		"01-02-2024 12", "05 06 2024 12 30", "12:30:45.123456789", "2024-01-01 2024-12-31", "00:1A:2B:3C:4D:5E", "+00:00", "2024/01/15 08.30",
		// Numbers, prices, identifiers.
		"0.123456789", "-0.0001234567", "3.14159265358979", "1,234,567,890", "1.234.567.890,12", "1 234 567 890", "EUR 12 345 678,90", "$1,000,000.00", "123-45-6789",
		"978-3-16-148410-0", "9783161484100", "123-4567890-1234567", "id 123456789012", "4006381333931", "+5", "+12.5 %", "+1234567", "+1.2345678901", "1e+10", "5+1234567890",
		"0 123 456 789", "0.123.456.789", "00 01 02 03 04 05", "01 02 03 04 05 06", "000-123-456-789", "550e8400-e29b-41d4-a716-446655440000", "200 300 4000", "10 20 30 40 50",
		"ORD-2024-000123456", "0123456789", "0x1234567890", "12-34-56-78-90", "100-200-3000", "555-123-45678", "212-055-0123", "212-555-0123-9", "B0123 45678 901", "+0 123 456 789",
		"99 020 7946 0958", "1-212-5550", "0 .. 100000000", "(1) 2345 67890", "(2024) 123456789 x", "+1 123 456 7890",
		// Cards with a wrong check digit, issuer, length or grouping.
		"4242424242424241", "1234567812345670", "0000000000000000", "424242424242424", "4242 42424242 4242", "42424242424242424242", "4242.4242.4242.4242", "4242 4242-4242 4242",
		"x4242424242424242", "4242424242424242x", "1.4242424242424242", "4242424242424242.5", "4242-4242-4242-4242-4242-4242",
		// Accounts with a wrong check, length, country or case.
		"GB29NWBK60161331926818", "GB29NWBK6016133192681", "GB29NWBK601613319268190", "XX29NWBK60161331926819", "gb29nwbk60161331926819", "XGB29NWBK60161331926819", "GB29 NWBK60161331926819",
		// Versions and addresses of nobody.
		"1.2.3.4", "v1.22.3.4", "version 10.22.3.44", "Firmware: 21.5.3.1", "1.2.3", "1.22.333.4444", "256.10.10.10", "10.0.0.1", "192.168.1.10", "127.0.0.1", "172.16.99.1", "169.254.10.10",
		"100.64.10.1", "224.0.0.251", "255.255.255.255", "0.0.0.10", "12.34.56.78.90", "12.034.56.78", "::1", "fe80::1", "std::vector", "a::b", "2::1", "abc::def", "fd00:10::1", "fd00:abcd:2001:db8::1", "2001:db8", "2024:10:30",
		// Words like keys.
		"AKIA", "AKIAiosfodnn7example", "XAKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLEX", "ghp_short", "hf_short", "hf_" + strings.Repeat("aB", 18), "shelf_" + strings.Repeat("aB", 17), "xoxo-lovelovelovelove", "sk-learn-is-a-library-for-machine", "task-force-20-Abcdefghijklmnopq",
		"-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "--------", "eyJhbGciOiJIUzI1NiJ9", "eyJ.eyJ.x", "snake_case_name", "Jan-Aug_Jul", "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
	} {
		if got := find(text); got != "" {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestOnlyTheKindsAskedFor(t *testing.T) {
	text := []byte("a@b.org, +4930123456, 4242424242424242 NO9386011117947 192.0.2.17 AKIAIOSFODNN7EXAMPLE")
	var all Kinds
	for _, k := range All.List() {
		m := New(k).Find(nil, text)
		if len(m) != 1 || m[0].Kind != k {
			t.Errorf("%s: %v", k, m)
		}
		all |= k
		if back, ok := Parse(k.String()); !ok || back != k {
			t.Errorf("%s is not read back", k)
		}
	}
	if m := New(All).Find(nil, text); len(m) != 6 || all != All {
		t.Errorf("all: %v", m)
	}
	// A card is no phone number when only phone numbers are asked for.
	if m := New(Phone).Find(nil, []byte("4111 1111 1111 1111")); len(m) != 0 {
		t.Errorf("%v", m)
	}
}

func TestMask(t *testing.T) {
	for text, want := range map[string]string{
		"jane@example.org": "j…@…", "+4930123456": "+…", "4242424242424242": "4…", "NO9386011117947": "NO…", "192.0.2.17": "…", "AKIAIOSFODNN7EXAMPLE": "AKIA…", "éa@b.org": "é…@…",
	} {
		m := New(All).Find(nil, []byte(text))
		if len(m) != 1 {
			t.Fatalf("%q: %v", text, m)
		}
		if got := Mask(m[0].Kind, []byte(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"a@b.org", "+49 (30) 1234-5678", "4111 1111 1111 1111", "GB29 NWBK 6016 1331 9268 19", "2001:db8::1", "192.0.2.17", jwt, "xoxb-1", "-----BEGIN ", "(((((1)", "2:::", "\xff@\xff.\xff"} {
		f.Add(s)
	}
	all := New(All)
	f.Fuzz(func(t *testing.T, text string) {
		var seen Kinds
		for _, m := range all.Find(nil, []byte(text)) {
			if m.Start < 0 || m.End > len(text) || m.Start >= m.End || seen&m.Kind != 0 {
				t.Errorf("%q: %v", text, m)
			}
			seen |= m.Kind
			if shown := Mask(m.Kind, []byte(text[m.Start:m.End])); utf8.RuneCountInString(shown) > 5 || !utf8.ValidString(shown) {
				t.Errorf("%q: mask %q", text, shown)
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog, and on 2024-01-15 it paid 12.50 for that. ", 12)
	dense := strings.Repeat("Order 4006381333931 of 1700000000000, 192.168.1.10 (10.22.3.4), +12.5, sk-learn_x A-B a@b, ", 12)
	for name, text := range map[string]string{"prose": prose, "numbers": dense} {
		b.Run(fmt.Sprintf("%s/%d", name, len(text)), func(b *testing.B) {
			f := New(All)
			b.SetBytes(int64(len(text)))
			var found []Match
			for b.Loop() {
				found = f.Find(found[:0], []byte(text))
			}
		})
	}
}
