package demo

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// buckets is the size of the hashed bag of words.
const buckets = 1 << 15

// model is a logistic regression over hashed unigrams and bigrams.
type model struct {
	weights []float64
	bias    float64
}

// features returns the buckets of a text, each once.
func features(text string) []int {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
	seen, out := map[int]bool{}, []int(nil)
	add := func(token string) {
		h := fnv.New32a()
		h.Write([]byte(token))
		if b := int(h.Sum32() % buckets); !seen[b] {
			seen[b] = true
			out = append(out, b)
		}
	}
	for i, w := range words {
		add(w)
		if i > 0 {
			add(words[i-1] + " " + w)
		}
	}
	return out
}

// train fits by stochastic gradient descent with a decaying rate. The order
// is seeded and products are rounded before they are added, so that every
// machine finds the same weights.
func train(rows []review, epochs int, seed uint64) *model {
	m := &model{weights: make([]float64, buckets)}
	x := make([][]int, len(rows))
	for i, r := range rows {
		x[i] = features(r.text)
	}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	random := rand.New(rand.NewPCG(seed, 2))
	for epoch := range epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		rate := 0.3 / float64(1+epoch)
		for _, i := range order {
			target := 0.0
			if rows[i].label == 1 {
				target = 1
			}
			step := float64(rate * (target - m.score(x[i])))
			for _, b := range x[i] {
				m.weights[b] += step
			}
			m.bias += float64(0.1 * step)
		}
	}
	return m
}

// score is the probability of a positive review.
func (m *model) score(x []int) float64 {
	sum := m.bias
	for _, b := range x {
		sum += m.weights[b]
	}
	return 1 / (1 + exp(-sum))
}

// exp is math.Exp to about 1 ulp, and the same on every machine: math.Exp is
// written in assembly on some, and ends in other bits there. Reduction by
// multiples of ln 2 and the constants are those of fdlibm's e_exp.c; the rest is
// the Taylor series, which 14 terms carry past float64 for |r| <= ln(2)/2.
func exp(x float64) float64 {
	const ln2Hi, ln2Lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	x = max(-700, min(700, x)) // a probability is 0 or 1 long before
	k := math.Floor(float64(x/math.Ln2) + 0.5)
	r := x - float64(k*ln2Hi) - float64(k*ln2Lo)
	sum := 1.0
	for n := 14; n > 0; n-- {
		sum = 1 + float64(r*sum)/float64(n)
	}
	return math.Ldexp(sum, int(k))
}

// files returns model.safetensors and vocab.json.
func (m *model) files() (weights, vocabulary []byte, err error) {
	float32s := func(values ...float64) []byte {
		out := make([]byte, 0, 4*len(values))
		for _, v := range values {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
		}
		return out
	}
	var buf bytes.Buffer
	err = modelfile.WriteSafetensors(&buf, []modelfile.NewTensor{
		{Name: "weight", Dtype: "F32", Shape: []int64{buckets}, Data: float32s(m.weights...)},
		{Name: "bias", Dtype: "F32", Shape: []int64{1}, Data: float32s(m.bias)},
	}, map[string]string{"format": "pt"})
	if err != nil {
		return nil, nil, err
	}
	vocabulary, err = json.MarshalIndent(map[string]any{
		"buckets": buckets, "hash": "fnv-1a-32", "labels": []string{"negative", "positive"}, "ngrams": []int{1, 2},
	}, "", "  ")
	return buf.Bytes(), append(vocabulary, '\n'), err
}
