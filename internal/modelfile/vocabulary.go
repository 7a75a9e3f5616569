package modelfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
)

// Vocabularies of tokenizers, read token by token.

// readVocabulary counts and digests the tokens of a file. It is nil for a
// vocab.json or vocab.txt that is none.
func readVocabulary(base string, data []byte) (*Tokenizer, error) {
	tokens := map[int64]string{}
	model := ""
	switch base {
	case "vocab.txt":
		for line := range bytes.Lines(data) {
			if len(tokens) == maxTokens {
				return nil, badVocabulary("more than %d lines", maxTokens)
			}
			tokens[int64(len(tokens))] = strings.TrimRight(string(line), "\r\n")
		}
		model = "WordPiece"
	case "vocab.json":
		if err := readTokens(json.NewDecoder(bytes.NewReader(data)), tokens); err != nil {
			if json.Valid(data) {
				return nil, nil // a vocabulary of another library's making
			}
			return nil, err
		}
	default:
		var err error
		if model, err = readTokenizer(json.NewDecoder(bytes.NewReader(data)), tokens); err != nil {
			return nil, err
		}
	}
	if len(tokens) == 0 {
		return nil, nil
	}
	sum := newVocabularySum()
	for _, id := range slices.Sorted(maps.Keys(tokens)) {
		token := tokens[id]
		sum.begin(uint64(id), uint64(len(token)))
		io.WriteString(sum, token)
		sum.end()
	}
	return &Tokenizer{Model: model, Vocabulary: int64(len(tokens)), Digest: sum.String()}, nil
}

func badVocabulary(reason string, args ...any) error {
	bad := broken(ruleConfig, 0, "write it again with the library that the model is for", reason, args...)
	bad.Format = "huggingface"
	return bad
}

// readTokenizer reads a tokenizer.json token by token: its vocabulary may be
// large, and everything else in it is passed over.
func readTokenizer(d *json.Decoder, tokens map[int64]string) (model string, err error) {
	err = eachKey(d, func(key string) error {
		switch key {
		case "added_tokens":
			return readAdded(d, tokens)
		case "model":
			return eachKey(d, func(key string) error {
				switch key {
				case "type":
					t, err := d.Token()
					model, _ = t.(string)
					return err
				case "vocab":
					return readTokens(d, tokens)
				}
				return skipJSON(d)
			})
		}
		return skipJSON(d)
	})
	return model, asVocabulary(err)
}

// readAdded reads the tokens that stand beside the vocabulary:
// [{"id": ID, "content": "TOKEN"}].
func readAdded(d *json.Decoder, tokens map[int64]string) error {
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return cmp.Or(err, errors.New("added_tokens is not a list"))
	}
	for d.More() {
		var t struct {
			ID      int64  `json:"id"`
			Content string `json:"content"`
		}
		if err := d.Decode(&t); err != nil {
			return err
		}
		if tokens[t.ID] = t.Content; len(tokens) > maxTokens {
			return badVocabulary("more than %d tokens", maxTokens)
		}
	}
	_, err := d.Token()
	return err
}

// readTokens reads a vocabulary: {"TOKEN": ID}, or of Unigram models
// [["TOKEN", score]].
func readTokens(d *json.Decoder, tokens map[int64]string) error {
	open, err := d.Token()
	if err != nil {
		return asVocabulary(err)
	}
	for i := int64(0); d.More(); i++ {
		if len(tokens) >= maxTokens {
			return badVocabulary("more than %d tokens", maxTokens)
		}
		if open == json.Delim('{') {
			key, err := d.Token()
			if err != nil {
				return asVocabulary(err)
			}
			var id int64
			if err := d.Decode(&id); err != nil {
				return asVocabulary(err)
			}
			tokens[id], _ = key.(string)
			continue
		}
		first, err := plainJSON(d, true)
		if err != nil {
			return asVocabulary(err)
		}
		tokens[i], _ = first.(string)
	}
	_, err = d.Token()
	return asVocabulary(err)
}

func asVocabulary(err error) error {
	var bad *FormatError
	if err == nil || errors.As(err, &bad) {
		return err
	}
	return badVocabulary("it is not a vocabulary: %s", clipText(err.Error()))
}
