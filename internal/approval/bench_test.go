package approval

import "testing"

// A gate verifies every approval of a version again each time it is asked.
func BenchmarkVerify(b *testing.B) {
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		b.Run(kind, func(b *testing.B) {
			key := newSigner(b, kind)
			d, signed := directory(b, "octocat "+public(key)), sign(b, key, statement())
			for b.Loop() {
				if _, err := d.Verify(signed, statement().At); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
