"""Writes keras_h5.zip: what h5py 3.16 makes of models with and without data in
other files, behind blocks of the user's, and with lambdas. Run it in this folder."""

import io
import json
import zipfile

import h5py


def config(layer):
    return json.dumps({"class_name": "Sequential", "config": {"name": "m", "layers": [layer]}})


DENSE = {"class_name": "Dense", "module": "keras.layers", "config": {"name": "Lambda", "units": 1}, "registered_name": None}
LAMBDA = {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "x"}, "registered_name": None}


def virtual(file):
    layout = h5py.VirtualLayout(shape=(2,), dtype="u1")
    layout[0:2] = h5py.VirtualSource(file, "d", shape=(2,))
    return lambda f, g: g.create_virtual_dataset("v", layout)


def deep(f, g):
    g.create_group("a/b/c")["far"] = h5py.ExternalLink("deep.h5", "/x")


def many(f, g):
    for i in range(20):
        g[f"link{i}"] = h5py.ExternalLink("many.h5", "/x")


def loop(f, g):
    g["self"] = f["/"]
    g["again"] = g["w"]


def model(text, libver, more=None, **options):
    out = io.BytesIO()
    with h5py.File(out, "w", libver=libver, **options) as f:
        f.attrs["model_config"] = text
        g = f.create_group("model_weights")
        g["w"] = [1.0, 2.0]
        if more:
            more(f, g)
    return out.getvalue()


def link(f, g):
    g["far"] = h5py.ExternalLink("../../other.h5", "/secret")


def data(f, g):
    g.create_dataset("raw", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def soft(f, g):
    g["near"] = h5py.SoftLink("/model_weights/w")
    g["file"] = "../../other.h5"


with zipfile.ZipFile("keras_h5.zip", "w", zipfile.ZIP_DEFLATED) as z:
    def put(name, data):
        z.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)

    for v in ["earliest", "latest"]:
        put(f"link-{v}", model(config(DENSE), v, link))
        put(f"data-{v}", model(config(DENSE), v, data))
        put(f"soft-{v}", model(config(DENSE), v, soft))
        put(f"deep-{v}", model(config(DENSE), v, deep))
        put(f"loop-{v}", model(config(DENSE), v, loop))
        put(f"lambda-{v}", model(config(LAMBDA), v))
        put(f"escaped-{v}", model(config(LAMBDA).replace("Lambda", "\\u004cambda"), v))
        put(f"decoy-{v}", model(config(DENSE), v, lambda f, g: f.attrs.update({"note": config(LAMBDA)})))
        put(f"block-{v}", model(config(LAMBDA), v, userblock_size=1024))
        put(f"blocklink-{v}", model(config(DENSE), v, link, userblock_size=512))
        put(f"blockdata-{v}", model(config(DENSE), v, data, userblock_size=2048))
    put("virtual", model(config(DENSE), "latest", virtual("elsewhere.h5")))
    put("virtual-own", model(config(DENSE), "latest", virtual(".")))
    put("many-earliest", model(config(DENSE), "earliest", many))
    put("many-latest", model(config(DENSE), "latest", many))
