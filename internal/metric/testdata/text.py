"""Writes text.json: exact match and token F1 as the evaluation script of SQuAD
v1.1 has them, and error rates by edit distance.

Run with Python 3.11: python text.py
"""
import json, os, random, re, string
from collections import Counter

random.seed(666)


# evaluate-v1.1.py of SQuAD
def normalize_answer(s):
    def remove_articles(text):
        return re.sub(r'\b(a|an|the)\b', ' ', text)

    def white_space_fix(text):
        return ' '.join(text.split())

    def remove_punc(text):
        exclude = set(string.punctuation)
        return ''.join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punc(s.lower())))


def f1_score(prediction, ground_truth):
    prediction_tokens = normalize_answer(prediction).split()
    ground_truth_tokens = normalize_answer(ground_truth).split()
    common = Counter(prediction_tokens) & Counter(ground_truth_tokens)
    num_same = sum(common.values())
    if num_same == 0:
        return 0
    precision = 1.0 * num_same / len(prediction_tokens)
    recall = 1.0 * num_same / len(ground_truth_tokens)
    return (2 * precision * recall) / (precision + recall)


def exact_match_score(prediction, ground_truth):
    return normalize_answer(prediction) == normalize_answer(ground_truth)


def distance(a, b):
    t = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            t[i][j] = min(t[i - 1][j] + 1, t[i][j - 1] + 1, t[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    return t[-1][-1]


def rate(edits, length):
    return None if length == 0 else float("%.12g" % (edits / length))


WORDS = ["the", "The", "a", "an", "A.", "Denver", "Broncos", "denver", "U.S.", "1,000", "it's", "the-end", "état", "à",
         "æa", "naïve", "東京", "a東", "½", "٣a", "ÉA", "--", "'", "", "\u00a0", "\u2003x", "tab\tbed", "new\nline", "under_score",
         "_a_", "the’s", "e\u0301a", "a\u0301", "x\x1cy", "🙂a", "Straße", "an-", "THE"]


def text():
    return " ".join(random.choice(WORDS) for _ in range(random.randrange(7)))


def change(s):
    out = list(s)
    for _ in range(random.randrange(3)):
        if out and random.random() < 0.5:
            out.pop(random.randrange(len(out)))
        else:
            out.insert(random.randrange(len(out) + 1), random.choice("aé ."))
    return "".join(out)


cases = []
for i in range(400):
    n = random.choice([1, 1, 1, 2, 5])
    refs = [text() for _ in range(n)]
    answers = [change(r) if random.random() < 0.6 else text() for r in refs]
    pairs = list(zip(refs, answers))
    cases.append({"reference": refs, "answer": answers, "want": {
        "exact_match": sum(exact_match_score(a, r) for r, a in pairs) / n,
        "token_f1": float("%.12g" % (sum(f1_score(a, r) for r, a in pairs) / n)),
        "cer": rate(sum(distance(r, a) for r, a in pairs), sum(map(len, refs))),
        "wer": rate(sum(distance(r.split(), a.split()) for r, a in pairs), sum(len(r.split()) for r in refs)),
    }})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "text.json"), "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
