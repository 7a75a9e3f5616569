"""Makes what stands beside it, with packages that the Go code has no part in:

    pip install pillow==13.0.0 imagehash==4.3.2
    python make.py

formats/   one small image of each kind that Go cannot write
looks/     four scenes, each as it is, at half its size, as a poor JPEG, brighter
phash.json distances between all of looks/, by imagehash.phash (64 bits)
"""
import io
import itertools
import json
import math
import os
import random

import imagehash
from PIL import Image, ImageDraw, ImageEnhance

here = os.path.dirname(os.path.abspath(__file__))


def scene(seed, side=96):
    """A gradient with shapes: enough structure for a hash, few bytes."""
    r = random.Random(seed)
    angle = r.uniform(0, math.pi)
    im = Image.new("RGB", (side, side))
    for y in range(side):
        for x in range(side):
            v = int(127 + 90 * math.sin((x * math.cos(angle) + y * math.sin(angle)) / side * 2 * math.pi + seed))
            im.putpixel((x, y), (v, (v + 40 * seed) % 256 // 2 + 64, 255 - v))
    draw = ImageDraw.Draw(im)
    for _ in range(6):
        x, y, w, h = (r.randrange(side) for _ in range(4))
        colour = tuple(r.randrange(256) for _ in range(3))
        (draw.ellipse if r.random() < 0.5 else draw.rectangle)([x - w // 4, y - h // 4, x + w // 4, y + h // 4], fill=colour)
    return im


def save(folder, name, im, **how):
    os.makedirs(os.path.join(here, folder), exist_ok=True)
    im.save(os.path.join(here, folder, name), **how)


small = scene(1, 24)
save("formats", "lossy.webp", small, quality=50)
save("formats", "lossless.webp", small, lossless=True)
save("formats", "alpha.webp", Image.merge("RGBA", (*small.split(), small.convert("L"))), quality=50)
save("formats", "animated.webp", small, save_all=True, append_images=[scene(2, 24)], quality=30)
save("formats", "cmyk.jpg", small.convert("CMYK"), quality=50)
save("formats", "progressive.jpg", small, quality=50, progressive=True)
save("formats", "deflate.tif", small, compression="tiff_deflate")
save("formats", "palette.png", small.quantize(8))
save("formats", "greys.png", small.convert("L").quantize(8))

images = {}
for seed in range(1, 5):
    im = scene(seed)
    poor = io.BytesIO()
    im.save(poor, "JPEG", quality=25)
    variants = {
        f"{seed}.png": im.quantize(64), f"{seed}-half.png": im.resize((48, 48), Image.LANCZOS).quantize(64),
        f"{seed}-poor.jpg": None, f"{seed}-bright.png": ImageEnhance.Brightness(im).enhance(1.2).quantize(64),
    }
    for name, v in variants.items():
        if v is None:
            with open(os.path.join(here, "looks", name), "wb") as f:
                f.write(poor.getvalue())
        else:
            save("looks", name, v, optimize=True)
        images[name] = Image.open(os.path.join(here, "looks", name))
hashes = {name: imagehash.phash(im.convert("RGB")) for name, im in images.items()}
out = {f"{a} {b}": int(hashes[a] - hashes[b]) for a, b in itertools.combinations(sorted(hashes), 2)}
with open(os.path.join(here, "phash.json"), "w") as f:
    json.dump(out, f, indent=0, sort_keys=True)
    f.write("\n")
