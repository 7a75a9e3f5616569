package modeldiff

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// Limits on what is read and told of texts.
const (
	maxConfig     = 4 << 20  // bytes of a JSON file
	maxVocabulary = 64 << 20 // of a vocabulary
	maxTokens     = 2_000_000
	maxDepth      = 32 // of JSON; what lies deeper is compared as one text
	maxLeaves     = 100_000
	maxValues     = 200 // differences told of one file
	maxSamples    = 10  // tokens told of one kind
	maxText       = 120 // bytes of a value
)

// Config is a JSON file that differs, by the paths of its keys.
type Config struct {
	Path    string  `json:"path"`
	Values  []Value `json:"values"`
	Omitted int     `json:"omitted,omitempty"`
	// Note says why there are no values.
	Note string `json:"note,omitempty"`
}

// Vocabulary is a vocabulary that differs. Of the tokens a few are named.
type Vocabulary struct {
	Path       string      `json:"path"`
	Entries    Pair[int64] `json:"entries"`
	Added      Tokens      `json:"added"`
	Removed    Tokens      `json:"removed"`
	Renumbered Tokens      `json:"renumbered"` // the same token under another id
	Note       string      `json:"note,omitempty"`
}

// Tokens are counted, and the first ones named.
type Tokens struct {
	Count int64    `json:"count"`
	First []string `json:"first"`
}

func (t *Tokens) add(token string) {
	t.Count++
	if len(t.First) < maxSamples {
		t.First = append(t.First, clip(token))
	}
}

// documents compares vocabularies and JSON files that differ.
func (c *comparison) documents(m *Model) error {
	for _, name := range keys(c.before, c.after) {
		if c.same(name, name) {
			continue
		}
		base := path.Base(name)
		vocabulary := base == "tokenizer.json" || base == "vocab.json" || base == "vocab.txt"
		if !vocabulary && (path.Ext(base) != ".json" || strings.HasSuffix(base, ".index.json")) {
			continue
		}
		limit := int64(maxConfig)
		if vocabulary {
			limit = maxVocabulary
		}
		if err := c.ctx.Err(); err != nil {
			return err
		}
		before, whyNot, err := text(c.from, name, c.before[name] != "", limit)
		if err != nil {
			return err
		}
		after, why, err := text(c.to, name, c.after[name] != "", limit)
		if err != nil {
			return err
		}
		whyNot = cmp.Or(whyNot, why)
		switch {
		case vocabulary:
			m.Vocabulary = append(m.Vocabulary, compareVocabulary(name, before, after, whyNot))
		case c.before[name] == "" || c.after[name] == "": // the list of files says so
		default:
			m.Configs = append(m.Configs, compareConfig(name, before, after, whyNot))
		}
	}
	return nil
}

// text reads a file; whyNot is set when it is not read.
func text(s Side, name string, there bool, limit int64) (data []byte, whyNot string, err error) {
	if !there {
		return nil, "", nil
	}
	r, size, err := s.Open(name)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	if size > limit {
		return nil, fmt.Sprintf("it has %s bytes, at most %s are compared", report.Thousands(size), report.Thousands(limit)), nil
	}
	data = make([]byte, size)
	if err := readFull(r, data, 0); err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return data, "", nil
}

// compareConfig compares two JSON files by the paths of their keys.
func compareConfig(name string, before, after []byte, whyNot string) Config {
	c := Config{Path: name, Values: []Value{}, Note: whyNot}
	if whyNot != "" {
		return c
	}
	was, err := flatten(before)
	is, err2 := flatten(after)
	if err = cmp.Or(err, err2); err != nil {
		c.Note = "its bytes differ; it cannot be read as JSON: " + clip(err.Error())
		return c
	}
	for _, k := range keys(was, is) {
		if was[k] == is[k] {
			continue
		}
		if len(c.Values) == maxValues {
			c.Omitted++
			continue
		}
		c.Values = append(c.Values, Value{clip(k), Pair[string]{clip(was[k]), clip(is[k])}})
	}
	if len(c.Values) == 0 {
		c.Note = "only how it is written"
	}
	return c
}

// flatten lists the values of a JSON document by path: "a.b[2]".
func flatten(data []byte) (map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	out := map[string]string{}
	if !leaves(out, "", v, 0) {
		return nil, fmt.Errorf("it has more than %s values", report.Thousands(maxLeaves))
	}
	return out, nil
}

func leaves(out map[string]string, at string, v any, depth int) bool {
	if len(out) >= maxLeaves {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		if depth == maxDepth || len(v) == 0 {
			break
		}
		for k, e := range v {
			p := k
			if at != "" {
				p = at + "." + k
			}
			p = p[:min(len(p), 4*maxText)] // many long paths are much memory
			if !leaves(out, p, e, depth+1) {
				return false
			}
		}
		return true
	case []any:
		if depth == maxDepth || len(v) == 0 {
			break
		}
		for i, e := range v {
			if !leaves(out, at+"["+strconv.Itoa(i)+"]", e, depth+1) {
				return false
			}
		}
		return true
	}
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(err.Error())
	}
	out[at] = string(text)
	return true
}

// compareVocabulary compares two vocabularies, either of which may be missing.
func compareVocabulary(name string, before, after []byte, whyNot string) Vocabulary {
	v := Vocabulary{Path: name, Added: Tokens{First: []string{}}, Removed: Tokens{First: []string{}}, Renumbered: Tokens{First: []string{}}, Note: whyNot}
	if whyNot != "" {
		return v
	}
	was, err := tokens(path.Base(name), before)
	is, err2 := tokens(path.Base(name), after)
	if err = cmp.Or(err, err2); err != nil {
		v.Note = "it cannot be read as a vocabulary: " + clip(err.Error())
		return v
	}
	v.Entries = Pair[int64]{int64(len(was)), int64(len(is))}
	for _, t := range byID(is) {
		id, known := was[t]
		switch {
		case !known:
			v.Added.add(t)
		case id != is[t]:
			v.Renumbered.add(t)
		}
	}
	for _, t := range byID(was) {
		if _, still := is[t]; !still {
			v.Removed.add(t)
		}
	}
	if v.Added.Count+v.Removed.Count+v.Renumbered.Count == 0 {
		v.Note = "its tokens are the same; merges, normalisation or how it is written differ"
	}
	return v
}

func byID(tokens map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(tokens), func(a, b string) int {
		return cmp.Or(cmp.Compare(tokens[a], tokens[b]), strings.Compare(a, b))
	})
}

// tokens reads a vocabulary: lines, {"TOKEN": ID}, or the tokenizers library's
// file (model.vocab, of Unigram models [["TOKEN", score]], and added_tokens).
func tokens(base string, data []byte) (map[string]int64, error) {
	out := map[string]int64{}
	if data == nil {
		return out, nil
	}
	// Every token is followed by a comma, a merge of two by two.
	if base != "vocab.txt" && bytes.Count(data, []byte(",")) > 4*maxTokens {
		return nil, fmt.Errorf("more than %s entries", report.Thousands(4*maxTokens))
	}
	if base == "vocab.txt" {
		var id int64
		for line := range bytes.Lines(data) {
			if id == maxTokens {
				return nil, fmt.Errorf("more than %d lines", maxTokens)
			}
			out[strings.TrimRight(string(line), "\r\n")] = id
			id++
		}
		return out, nil
	}
	if base == "vocab.json" {
		return out, json.Unmarshal(data, &out)
	}
	var file struct {
		Added []struct {
			ID      int64  `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
		Model struct {
			Vocab json.RawMessage `json:"vocab"`
		} `json:"model"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	vocab := bytes.TrimSpace(file.Model.Vocab)
	switch {
	case bytes.HasPrefix(vocab, []byte("{")):
		if err := json.Unmarshal(vocab, &out); err != nil {
			return nil, err
		}
	case bytes.HasPrefix(vocab, []byte("[")):
		var list [][]json.RawMessage
		if err := json.Unmarshal(vocab, &list); err != nil {
			return nil, err
		}
		for i, pair := range list {
			var token string
			if len(pair) == 0 || json.Unmarshal(pair[0], &token) != nil {
				return nil, fmt.Errorf("entry %d has no token", i)
			}
			out[token] = int64(i)
		}
	}
	for _, t := range file.Added {
		out[t.Content] = t.ID
	}
	return out, nil
}

// facts compares what the files say in a word.
func facts(a, b *modelfile.Facts) []Value {
	out := []Value{}
	add := func(path, from, to string) {
		if from != to {
			out = append(out, Value{path, Pair[string]{clip(from), clip(to)}})
		}
	}
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	add("format", a.Format, b.Format)
	add("architecture", a.Architecture, b.Architecture)
	add("quantization", a.Quantization, b.Quantization)
	add("license", a.License, b.License)
	add("context", number(a.Context), number(b.Context))
	add("embedding", number(a.Embedding), number(b.Embedding))
	add("labels", strings.Join(a.Labels, ", "), strings.Join(b.Labels, ", "))
	if a.ChatTemplate != b.ChatTemplate {
		at := 0
		for at < len(a.ChatTemplate) && at < len(b.ChatTemplate) && a.ChatTemplate[at] == b.ChatTemplate[at] {
			at++
		}
		out = append(out, Value{"chatTemplate", Pair[string]{around(a.ChatTemplate, at), around(b.ChatTemplate, at)}})
	}
	var ta, tb modelfile.Tokenizer
	if a.Tokenizer != nil {
		ta = *a.Tokenizer
	}
	if b.Tokenizer != nil {
		tb = *b.Tokenizer
	}
	add("tokenizer.model", ta.Model, tb.Model)
	add("tokenizer.vocabulary", number(ta.Vocabulary), number(tb.Vocabulary))
	add("tokenizer.digest", ref.Digest(ta.Digest).Short(), ref.Digest(tb.Digest).Short())
	out = append(out, texts("frameworks.", a.Frameworks, b.Frameworks)...)
	out = append(out, texts("opsets.", asTexts(a.Opsets), asTexts(b.Opsets))...)
	out = append(out, texts("operators.", asTexts(a.Operators), asTexts(b.Operators))...)
	return out
}

// around is the text at the first difference.
func around(s string, at int) string {
	if s == "" {
		return ""
	}
	from := max(0, at-20)
	out := clip(s[from:])
	if from > 0 {
		out = "…" + strings.ToValidUTF8(out, "")
	}
	return out
}

func asTexts(m map[string]int64) map[string]string {
	out := make(map[string]string, len(m))
	for k, n := range m {
		out[k] = strconv.FormatInt(n, 10)
	}
	return out
}

func texts(prefix string, a, b map[string]string) []Value {
	out := []Value{}
	for _, k := range keys(a, b) {
		if a[k] != b[k] && len(out) < maxValues {
			out = append(out, Value{clip(prefix + k), Pair[string]{clip(a[k]), clip(b[k])}})
		}
	}
	return out
}

// clip cuts a text to what is told of it, between runes.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	cut := maxText
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
