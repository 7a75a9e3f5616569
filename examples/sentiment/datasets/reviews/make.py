"""Makes train.csv and test.csv anew: python3 datasets/reviews/make.py

Reviews are put together of words, one in twenty has the wrong label. The same
seed gives the same files.
"""
import csv
import pathlib
import random

GOOD = "great lovely sturdy quick bright quiet cheap comfortable reliable clever".split()
BAD = "broken noisy slow flimsy dull expensive useless wobbly sticky late".split()
THINGS = "kettle lamp chair phone radio blender keyboard backpack clock fan".split()
STARTS = ["The", "This", "My new", "Our second", "A friend's"]
ENDS = ["I would buy it again", "I sent it back", "it came on Monday", "my sister has one too", "it does what it says"]
PRODUCTS = ["home", "office", "travel"]


def review(random):
    positive = random.random() < 0.5
    own, other = (GOOD, BAD) if positive else (BAD, GOOD)
    words = [random.choice(own), random.choice(own if random.random() < 0.9 else other)]
    text = f"{random.choice(STARTS)} {random.choice(THINGS)} is {words[0]} and {words[1]}, {random.choice(ENDS)}."
    label = int(positive) if random.random() < 0.95 else int(not positive)
    return text, label


def main():
    here = pathlib.Path(__file__).parent
    rng, seen = random.Random(7), set()
    for name, rows in [("train", 800), ("test", 400)]:
        with open(here / f"{name}.csv", "w", newline="") as f:
            out = csv.writer(f, lineterminator="\n")
            out.writerow(["id", "text", "product", "label"])
            while rows:
                text, label = review(rng)
                if text not in seen:  # no text is in both splits
                    seen.add(text)
                    out.writerow([f"r{len(seen):04}", text, rng.choice(PRODUCTS), label])
                    rows -= 1


if __name__ == "__main__":
    main()
