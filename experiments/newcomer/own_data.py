"""C. Images of one's own: what has a way in."""

import numpy as np
import pandas as pd
from PIL import Image

import hptjax
from experiments.newcomer.base import item, line_of, need, refusal
from experiments.newcomer.workshop import NAMES, Workshop, images, named


@item(22, "how an .npz file must look")
def layout(shop: Workshop) -> str:
    told = shop.hptjax("help", "train").ok()
    for word in ("x_train", "y_val", "x_test", "class_names", "uint8"):
        need(word in told, f"`hptjax help train` does not say {word}")
    wrong = shop.save("wrong.npz", a=np.zeros(3), b=np.zeros(3), c=np.zeros(3))
    line = shop.hptjax("data", wrong).mistake()
    return f"help: {line_of(told, 'y_train')} ... Wrong keys: {line.split(': ', 1)[-1]}"


@item(23, "scikit-learn's digits, floats, 16 bits; strings, one-hot rows, objects as labels")
def types(shop: Workshop) -> str:
    from sklearn.datasets import load_digits  # pyright: ignore[reportMissingImports]

    X, y = load_digits(return_X_y=True)
    X, y = X.reshape(-1, 8, 8)[:100], y[:100]
    line = refusal(lambda: hptjax.ImageDataset(X, y))
    need(".astype(np.uint8)" in line, f"the way out is not named: {line}")
    bytes_ = (X * (255 / 16)).round().astype(np.uint8)
    for taken in (bytes_, (X / 16).astype(np.float32), bytes_.astype(np.uint16), X / 16):
        made = hptjax.ImageDataset(taken, y).images
        need(
            made.dtype == np.uint8 and abs(made[..., 0] - bytes_).max() == 0,
            f"{taken.dtype} is changed",
        )
    labels = (y.astype(str), y.astype(float), np.eye(10)[y], np.array(list(y), object))
    for given in labels:
        found = hptjax.ImageDataset(bytes_, given)
        need((found.labels == y).all() and found.num_classes == 10, f"{given[:2]} are changed")
    need(hptjax.ImageDataset(bytes_, y > 4).num_classes == 2, "booleans are not two classes")
    return f"all are taken but digits as they are: {line.split('got ')[-1]}"


@item(24, "a folder of pictures; torch, Hugging Face, pandas")
def folders(shop: Workshop) -> str:
    X, y = images(40)
    for k, (image, name) in enumerate(zip(X, named(y), strict=True)):
        path = shop.folder / "pictures" / str(name) / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    read = hptjax.load_images("folder:pictures")
    need(read.class_names == NAMES and read.size == 40, f"it is read as {read}")
    files = sorted(map(str, (shop.folder / "pictures").rglob("*.png")))
    table = pd.DataFrame({"path": files, "label": [f.split("/")[-2] for f in files]})
    framed = hptjax.ImageDataset.from_dataframe(table, "path", "label")
    pairs = hptjax.ImageDataset.from_torch(list(zip(X, y, strict=True)))
    need(framed.size == pairs.size == 40, f"{framed}, {pairs}")
    need(callable(hptjax.ImageDataset.from_hf), "nothing reads Hugging Face's")
    lines = [refusal(lambda s=s: hptjax.load_images(s)) for s in ("npz:pictures", "pictures")]
    need("folder" in lines[0] and "'folder:pictures'" in lines[1], f"not named: {lines}")
    return f"{read!r}; frames and pairs, too; {lines[0]} {lines[1].split('; ')[-1]}"


@item(25, "ImageDataset(X, y) takes what a file may hold")
def dataset(shop: Workshop) -> str:
    X, y = images(40)
    grey = X[..., 0]
    forms = {"int64": (X, y.astype(np.int64)), "3-D": (grey, y), "lists": (X.tolist(), y.tolist())}
    made = None
    for name, (given, labels) in forms.items():
        made = hptjax.ImageDataset(given, labels)
        np.savez("form.npz", x_train=np.asarray(given).astype(np.uint8), y_train=labels)
        same = hptjax.load_images("npz:form.npz")
        need((made.images == same.images).all(), f"{name}: other images than of a file")
        need((made.labels == same.labels).all(), f"{name}: other labels than of a file")
        need(made.class_names == same.class_names, f"{name}: other names than of a file")
    return f"{', '.join(forms)}: as from npz, class_names and name may be left out: {made!r}"


@item(26, "own images into a search; a path, a tuple or a wrong config")
def into_search(shop: Workshop) -> str:
    result = shop.result  # of (X, y)
    need(len(result.trials) == 4, "tune does not take (X, y)")
    study, pair = hptjax.load_study(shop.study), ("train", "validation")
    hptjax.StudyData(*hptjax.train_validation_split(hptjax.ImageDataset(*shop.pair), seed=0))
    lines = [
        refusal(lambda: hptjax.run_study(study, pair)),  # pyright: ignore[reportArgumentType]
        refusal(lambda: hptjax.run_study("r.yaml")),  # pyright: ignore[reportArgumentType]
        refusal(lambda: hptjax.StudyConfig(model="c.yaml", space={})),  # pyright: ignore
    ]
    return f"tune takes (X, y); run_study: {' / '.join(lines)}"


@item(27, "a rare class: stratified split, figures of each class, weights")
def rare(shop: Workshop) -> str:
    X, y = images(160)
    keep = np.flatnonzero((y != 3) | (np.cumsum(y == 3) <= 3))
    found = hptjax.ImageDataset(X[keep], named(y[keep]))
    for seed in range(5):
        _, validation = found.split(0.2, seed=seed)
        need(validation.counts["hen"] >= 1, f"seed {seed} has none of 3 in validation")
    told = shop.hptjax("evaluate", shop.run, "--per-class").ok()
    rows = [line_of(told, name) for name in NAMES]
    weighted = shop.tune(
        model=hptjax.Model(
            layers=[hptjax.layers.Flatten(), hptjax.layers.Head()],
            lr=hptjax.loguniform(1e-4, 1e-2),
            batch_size=16,
            task={"classification": {"class_weights": [1.0, 1.0, 1.0, 5.0]}},
        ),
        trials=2,
        metric="val_macro_f1",
    )
    need(weighted.best is not None, "weights of classes do not train")
    return f"each of 5 seeds has one of 3 hens; --per-class: {rows[0]}; class_weights train"


@item(28, "training images alone")
def train_only(shop: Workshop) -> str:
    told = shop.hptjax(
        "train", shop.study, "--data", shop.alone, "--epochs", "1", "--out", "alone"
    ).ok()
    said = line_of(told, "no test set")
    line = shop.hptjax("evaluate", "alone", "--split", "test").mistake()
    need("has no test set" in line, f"what is missing is not named: {line}")
    tested = shop.hptjax("evaluate", "alone").ok()
    need("measured on its validation images" in tested, f"what is measured is not said: {tested}")
    return f"train: {said.split(': ')[0]}; evaluate: {tested}"


@item(29, "the saved network, applied to a picture")
def picture(shop: Workshop) -> str:
    shop.hptjax("export", shop.run, "--to", "best.safetensors").ok()
    X, _ = images(4, size=64, seed=9)
    Image.fromarray(X[1]).save(shop.folder / "one.png")
    told = shop.hptjax("predict", "best.safetensors", "one.png").ok()
    network = hptjax.load_network(shop.folder / "best.safetensors")
    need(network.class_names == NAMES, f"the file has the classes {network.class_names}")
    name = network.predict(X)[1]
    need(name in told, f"predict says {told}, Python {name}")
    return f"a picture of 64 x 64: {line_of(told, 'one.png')}; {network.preprocess}"
