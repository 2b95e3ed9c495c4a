"""A. Results, or conclusions, that were wrong without a word."""

import json
import warnings

import numpy as np
import pandas as pd

import hptjax
from experiments.newcomer.base import Refused, item, line_of, need, refusal
from experiments.newcomer.workshop import Workshop, images, named
from hptjax import devices
from hptjax.population.places import places_for
from hptjax.strategies import Proposal

TUNE = """
X = np.random.default_rng(0).integers(0, 256, (64, 8, 8), np.uint8)
model = hptjax.Model(
    layers=[hptjax.layers.Flatten(), hptjax.layers.Head()], lr=hptjax.loguniform(1e-4, 1e-2),
    batch_size=16,
)
hptjax.tune(model, (X, np.arange(64) % 2), epochs=1, trials=2, out=False, progress=False)
print(jax.config.jax_compilation_cache_dir)
"""


def programs(shop: Workshop) -> set[str]:
    return {path.name for path in (shop.folder / "mine").glob("*-cache")}


@item(1, "keep compiled programs: README's line, or tune alone")
def set_up(shop: Workshop) -> str:
    mine = str(shop.folder / "mine")
    code = "import hptjax; hptjax.devices.set_up(compile_cache=True)\nimport jax\n"
    code += "print(jax.config.jax_compilation_cache_dir)"
    line = shop.python(code, HPTJAX_COMPILE_CACHE=mine).ok().strip()
    need(line == mine, f"the line leaves the cache at {line}")
    tuned = shop.python(f"import hptjax, jax, numpy as np{TUNE}", HPTJAX_COMPILE_CACHE=mine)
    need(tuned.ok().strip() == mine, f"tune leaves the cache at {tuned.text}")
    need(programs(shop), "tune keeps no program")
    return f"set_up keeps programs; tune alone kept {len(programs(shop))}"


@item(2, "the same line after JAX has run, as in a notebook")
def set_up_late(shop: Workshop) -> str:
    if not programs(shop):
        set_up(shop)
    before = programs(shop)
    late = "import jax, jax.numpy as jnp; jnp.ones(3).sum()\nimport hptjax, numpy as np\n"
    late += "hptjax.devices.set_up(compile_cache=True)"
    done = shop.python(late + TUNE, HPTJAX_COMPILE_CACHE=str(shop.folder / "mine"))
    need(done.ok() and not done.err, f"it logs {len(done.err)} characters: {done.err}")
    need(programs(shop) == before, "programs were compiled again")
    cores = devices.available_cores()
    need(len(places_for()) == cores, f"{len(places_for())} of {cores} cores train")
    return f"programs come from the cache, nothing is logged, {cores} of {cores} cores train"


@item(3, "bytes into the best network")
def bytes_in(shop: Workshop) -> str:
    network = hptjax.load_network(shop.run)
    X, y = images(40, seed=2)
    floats = (X / 255).astype(np.float32)
    got, scaled = (
        np.asarray(network.module.apply(network.variables, given, train=False))
        for given in (X, floats)
    )
    need(np.allclose(got, scaled, atol=1e-5), "bytes give other logits than floats")
    whole = refusal(lambda: network.module.apply(network.variables, X.astype(int), train=False))
    need("uint8" in (type(network.module).__call__.__doc__ or ""), "the docstring says nothing")
    right = (network.predict(X) == named(y)).mean()
    noted = json.loads((shop.run / "best/test.json").read_text())["measures"]["accuracy"]
    need(right == noted, f"{right} are right, the run noted {noted}")
    return f"bytes are divided by 255; predict: {right:.3f} right; of int64: {whole}"


@item(4, "a metric of one's own that should be high")
def own_metric(shop: Workshop) -> str:
    @hptjax.metric("maximize")
    def accuracy(curves):
        return curves["val_accuracy"][-1]

    result = shop.tune(metric=accuracy)
    values = [trial.value for trial in result.trials]
    need(result.best.value == max(values), f"best is {result.best.value} of {values}")
    bare = refusal(lambda: shop.tune(metric=lambda curves: curves["val_accuracy"][-1]))
    return f"best {result.best.value:.2f} of {sorted(values)}; a bare function: {bare}"


@item(5, "accuracy is shown as accuracy")
def accuracy_shown(shop: Workshop) -> str:
    result = shop.result
    best = max(trial.curves["val_accuracy"][-1] for trial in result.trials)
    need(result.best.value == best, f"the best value is {result.best.value}, not {best}")
    table = pd.read_csv(result.path / "trials.csv")
    need(table.val_accuracy.max() == best, f"trials.csv has {list(table)}")
    page = result.report(open=False).read_text()
    said = "val_accuracy (higher is better)"
    need(said in page and "val_accuracy (lower" not in page, "the page names no direction")
    need("Objective 0" not in page, "the page has Optuna's axis")
    heads = list(result.leaderboard().to_frame())
    need("val_accuracy" in heads, f"the leaderboard has {heads}")
    return f"{result!r}; leaderboard: {', '.join(heads[:3])}; page: {said}"


@item(6, "x_val, y_val of an npz are used")
def validation_used(shop: Workshop) -> str:
    said = shop.hptjax("data", shop.full).ok()
    need(line_of(said, "^│ images").split()[5] == "40", f"40 images were not used: {said}")
    other = shop.hptjax("train", shop.study, "--data", shop.alone, "--epochs", "1").ok()
    mine = shop.hptjax("train", shop.study, "--epochs", "1").ok()
    need(line_of(other, "^epoch") != line_of(mine, "^epoch"), "the same numbers without it")
    chosen = shop.hptjax("data", shop.alone, "--validation", shop.full).ok()
    return f"{line_of(mine, 'x_val')}; from elsewhere: {line_of(chosen, 'In a config')}"


@item(7, "[N, C, H, W], and RGBA", expects="refused")
def channels(shop: Workshop) -> str:
    X, y = images(40)
    turned = shop.save("turned.npz", x_train=X.transpose(0, 3, 1, 2), y_train=y)
    alpha = shop.save("alpha.npz", x_train=np.concatenate([X, X[..., :1]], -1), y_train=y)
    first = shop.hptjax("train", shop.study, "--data", turned).mistake()
    second = refusal(lambda: hptjax.load_images(alpha))
    return Refused(f"{first.partition('x_train: ')[2]} / {second.partition('got shape ')[2]}")


@item(8, "images of another size")
def other_size(shop: Workshop) -> str:
    done = shop.hptjax("train", "model", "--data", shop.alone, "--epochs", "1").ok()
    said = line_of(done, "resized")
    study = hptjax.StudyConfig(
        model=hptjax.load_model_config(shop.original),
        space={"lr": hptjax.loguniform(1e-3, 1e-1)},
        strategies=["random"],
    )
    X, y = images(48, size=24)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shop.tune(model=study.model, data=(X, y), space=study.space, epochs=1, trials=1)
    notes = [str(warning.message) for warning in caught]
    need(any("resized" in note for note in notes), f"Python says {notes}")
    return f"command: {said.split(': ', 1)[-1]} Python: {' '.join(notes)}"


@item(9, "labels that are not 0, 1, 2, ...")
def labels(shop: Workshop) -> str:
    X, y = images(80)
    ids = np.array([10234, 10871, 70002, 90311])[y]
    source = shop.save("ids.npz", x_train=X, y_train=ids)
    found = hptjax.load_images(source)
    need(found.num_classes == 4, f"{found.num_classes} classes")
    ones = hptjax.ImageDataset(X, y + 1)
    need(ones.num_classes == 4, f"labels from 1 make {ones.num_classes} classes")
    said = line_of(shop.hptjax("data", source).ok(), "10234, 10871")
    return f"{said.split(': ')[-1]} Labels from 1: {ones.num_classes} classes"


@item(10, "a searcher of one's own that breaks the rules", expects="refused")
def searchers(shop: Workshop) -> str:
    class Broken:
        def __init__(self, proposals):
            self.proposals = proposals

        def ask(self, count):
            return self.proposals

        def tell(self, proposals, values):
            pass

    said = {
        "outside": [Proposal({"lr": 5.0}, (0.5,))],
        "genotype": [Proposal({"lr": 1e-3}, (0.9,))],
        "too many": [Proposal({"lr": 1e-3}, (0.5,))] * 7,
        "unknown": [Proposal({"foo": 1.0}, (0.5,))],
    }
    lines = [refusal(lambda p=p: shop.tune(searcher=Broken(p))) for p in said.values()]
    return Refused(" / ".join(line.split(": ", 1)[-1] for line in lines))


@item(11, "one seed, another number of cores")
def cores(shop: Workshop) -> str:
    shop.hptjax("run", shop.study, "--out", "runs/one", NPROC="1").ok()
    first, second = (
        json.dumps([(t.id, t.hparams, t.curves) for t in hptjax.load_run(path).trials])
        for path in (shop.run, shop.folder / "runs/one")
    )
    need(first == second, "the curves of trials differ")
    return "every number of every epoch is the same bit by bit with 1 core and with all"
