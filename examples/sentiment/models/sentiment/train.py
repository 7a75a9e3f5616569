"""Trains the model: python3 models/sentiment/train.py

A logistic regression over words, with nothing but Python. It writes
model.safetensors, vocab.json and eval/predictions.csv beside it.
"""
import csv
import json
import math
import pathlib
import re
import struct

EPOCHS = 12

here = pathlib.Path(__file__).parent
data = here.parent.parent / "datasets" / "reviews"


def read(name):
    with open(data / f"{name}.csv", newline="") as f:
        return list(csv.DictReader(f))


def words(text):
    return sorted(set(re.findall(r"[a-z']+", text.lower())))


def score(weights, bias, indices):
    return 1 / (1 + math.exp(-(bias + sum(weights[i] for i in indices))))


def train(rows, vocab):
    weights, bias = [0.0] * len(vocab), 0.0
    for epoch in range(EPOCHS):
        rate = 0.3 / (1 + epoch)
        for row in rows:
            indices = [vocab[w] for w in words(row["text"])]
            step = rate * (int(row["label"]) - score(weights, bias, indices))
            for i in indices:
                weights[i] += step
            bias += 0.1 * step
    return weights, bias


def save(path, tensors):
    """Writes safetensors: the length of the header, the header, the numbers."""
    header, body = {}, b""
    for name, values in tensors.items():
        numbers = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(body), len(body) + len(numbers)]}
        body += numbers
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def main():
    rows = read("train")
    vocab = {w: i for i, w in enumerate(sorted({w for r in rows for w in words(r["text"])}))}
    weights, bias = train(rows, vocab)
    save(here / "model.safetensors", {"bias": [bias], "weights": weights})
    (here / "vocab.json").write_text(json.dumps(vocab, indent=1) + "\n")
    (here / "eval").mkdir(exist_ok=True)
    with open(here / "eval" / "predictions.csv", "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["id", "product", "label", "prediction", "score"])
        right = 0
        test = read("test")
        for row in test:
            s = score(weights, bias, [vocab[w] for w in words(row["text"]) if w in vocab])
            right += int(s >= 0.5) == int(row["label"])
            out.writerow([row["id"], row["product"], row["label"], int(s >= 0.5), f"{s:.6f}"])
    print(f"trained on {len(rows)} reviews, {right} of {len(test)} test reviews are right")


if __name__ == "__main__":
    main()
