"""B. Traps that cost an afternoon."""

import contextlib
import io
import os
import re
import shutil
import signal
from pathlib import Path

import hptjax
from experiments.newcomer.base import Refused, flat, item, line_of, need, refusal
from experiments.newcomer.workshop import Workshop
from hptjax.report import load_runs, runs_table

MANY = """\
model: o.yaml
space: {batch_size: {type: int, low: 16, high: 128}}
data: {source: "npz:full.npz"}
strategies: [random]
population_size: 4
budget: {generations: 1}
epochs: 1
"""


@item(12, "a space of 113 batch sizes: what it costs")
def many_bodies(shop: Workshop) -> str:
    assert shop.full
    assert shop.original
    shop.write("many.yaml", MANY)
    begun = shop.interrupted(
        "run", "many.yaml", "--out", "runs/many", when=lambda said: "bodies" in said,
        sig=signal.SIGTERM,
    )  # fmt: skip
    said = line_of(begun.text, r"^\d+ bodies")
    need("{choice:" in said, f"no way out is named: {said}")
    return f"before compiling: {said}"


@item(13, "Python: progress, files, weights, and the stop button")
def python_run(shop: Workshop) -> str:
    folder = shop.folder / "runs/python"

    def stop(result, trial):
        if len(result.trials) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    def tune(*callbacks, **how):
        return shop.tune(out=folder, progress=None, callbacks=list(callbacks), **how)

    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            tune(stop)
            raise AssertionError("Ctrl-C did not end it")
        except KeyboardInterrupt as error:
            note = flat(" ".join(getattr(error, "__notes__", [])))
        kept = len(hptjax.load_run(folder).trials)
        need(2 <= kept < 4, f"{kept} trials were kept of an interrupted search")
        result = tune()
    need(len(result.trials) == 4, f"it went on to {len(result.trials)} trials")
    need(result.best.network.parameters == result.best.parameters, "the best has no weights")
    line = line_of(said.getvalue(), "generation 1")
    return f"{line}; interrupted with {kept} trials ({note}), then all 4; weights in best.network"


@item(14, "Python: progress as bars or lines, by default")
def progress(shop: Workshop) -> str:
    shown = {}
    for how in (None, True, False):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            shop.tune(progress=how, trials=2)
        shown[how] = said.getvalue()
    need("generation 1" in shown[None], "no line by default")
    need("2/2" in shown[True], f"no bar: {shown[True]}")
    need(not shown[False], f"it is not quiet: {shown[False]}")
    cell = in_a_cell(shop)
    return f"default: {line_of(shown[None], 'generation 1')}; True: bars; notebook: {cell}"


def in_a_cell(shop: Workshop) -> str:
    """What a cell of a notebook shows of a search."""
    import nbformat
    from nbclient import NotebookClient

    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import numpy as np, hptjax
X = np.random.default_rng(0).integers(0, 256, (64, 8, 8), np.uint8)
layers = [hptjax.layers.Flatten(), hptjax.layers.Head()]
model = hptjax.Model(layers=layers, lr=hptjax.loguniform(1e-4, 1e-2), batch_size=16)
hptjax.tune(model, (X, np.arange(64) % 2), epochs=1, trials=2, searcher="random", out=False);
"""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    place = {"metadata": {"path": str(shop.folder)}}
    NotebookClient(book, timeout=120, kernel_name="python3", resources=place).execute()
    pages = [
        out.data["text/html"] for out in book.cells[0].outputs if "text/html" in out.get("data", {})
    ]
    need(pages, "a cell shows nothing of a search")
    text = flat(re.sub(r"<[^>]+>", " ", pages[0]))
    need("random" in text, f"a cell shows {text}")
    return text


@item(15, "train the best network for longer")
def longer(shop: Workshop) -> str:
    best = shop.run / "best/config.yaml"
    anew = shop.hptjax("train", best, "--epochs", "3", "--out", "longer").ok()
    onward = shop.hptjax("train", shop.run, "--continue", "--epochs", "1").ok()
    return f"{line_of(anew, 'epoch 3/3')}; from its weights: {line_of(onward, 'epoch 3/3')}"


@item(16, "commands typed in another folder")
def elsewhere(shop: Workshop) -> str:
    (shop.folder / "sub").mkdir(exist_ok=True)
    assert shop.run
    described = shop.hptjax("describe", "../r.yaml", at="sub").ok()
    tested = shop.hptjax("evaluate", "../runs/r", at="sub").ok()
    shop.hptjax(
        "export", "../runs/r", "--trial", "random/1", "--to", "t.safetensors", at="sub"
    ).ok()
    return f"{line_of(described, '^Images')} {line_of(tested, 'accuracy')}; export --trial works"


@item(17, "an option that a searcher does not have", expects="refused")
def unknown_option(shop: Workshop) -> str:
    lines = [
        refusal(lambda w=w: hptjax.run(shop.study, set={"strategies": [{"name": w, "foo": 1}]}))
        for w in ("random", "grid")
    ]
    typed = shop.hptjax("run", shop.study, "--set", "strategies=[{name: random, foo: 1}]").mistake()
    need("foo: unknown key" in typed, f"it says {typed}")
    return Refused(f"{typed} / {lines[1].split('}]: ')[-1]}")


@item(18, "words of other tools are answered, and guesses are near")
def words(shop: Workshop) -> str:
    assert shop.original
    assert shop.full
    rates = "{lr: {float: [0.001, 0.1], log: true}}"
    few = MANY.replace("{batch_size: {type: int, low: 16, high: 128}}", rates)
    path, some = shop.write("words.yaml", few), {"float": [0.1, 0.5]}
    changes = {
        "learning_rate": ({"space.learning_rate": some}, "'lr'"),
        "momentum": ({"space.momentum": some}, "'beta_1'"),
        "scheduler": ({"space.scheduler": some}, "'lr_schedule'"),
        "dropout": ({"space.dropout": some}, "'mlp_do_l0'"),
        "activation": ({"space.activation": some}, "'mlp_af_l0'"),
        "foo": ({"strategies": ["foo"]}, "known are des"),
        "loguniform": ({"space.lr": {"loguniform": [0.1, 0.5]}}, "log: true"),
        "categorical": ({"space.lr": {"categorical": [0.1, 0.5]}}, "{choice:"),
        "bool": ({"space.lr": {"bool": [0.1, 0.5]}}, "{choice: [false, true]}"),
    }
    said = []
    for word, (change, answer) in changes.items():
        line = refusal(lambda c=change: hptjax.run(path, set=c, out=False))
        need(answer in line, f"{word} has the answer: {line}")
        said.append(f"{word}: {line.split('; ')[-1]}")
    return " ".join(said)


@item(19, "status and watch of a run that was interrupted")
def interrupted(shop: Workshop) -> str:
    out = shop.folder / "runs/cut"
    done = shop.interrupted(
        "run", shop.study, "--epochs", "4000", "--out", out,
        when=lambda _: any((out / "snapshots").glob("*")), sig=signal.SIGKILL,
    )  # fmt: skip
    need(done.code == -signal.SIGKILL, f"it had ended before: {flat(done.text)[-200:]}")
    states = {name: shop.hptjax(name, out, *more).ok() for name, *more in
              (("status",), ("watch", "--once"))}  # fmt: skip
    for name, text in states.items():
        need("interrupted" in text, f"{name} says {flat(text)[-300:]}")
    return "; ".join(f"{name}: {line_of(text, 'random')}" for name, text in states.items())


@item(20, "compiling is not billed to whoever runs first")
def compile_time(shop: Workshop) -> str:
    line = line_of(shop.said[shop.said.index("Strategies") :], "strategy")
    need("compile s" in line, f"the table has {line}")
    rows = shop.said[shop.said.index("Strategies") :]
    first, second = (line_of(rows, f"│ {name} ") for name in ("random", "tpe"))
    spent = [float(row.split("│")[-3]) for row in (first, second)]
    table = runs_table(load_runs([shop.run]))
    latest = max(table["elapsed"].tolist())
    paid = float(first.split("│")[-4])
    need(paid > 2 * max(spent), f"compiling {paid} s is in the wall times {spent}")
    need(latest < paid, f"the axis of time runs to {latest} s")
    return f"wall s without compiling: random {spent[0]}, tpe {spent[1]}; compile s: {paid}"


@item(21, "hptjax run | head -1")
def closed_pipe(shop: Workshop) -> str:
    assert shop.study
    shutil.rmtree(shop.folder / "runs/pipe", ignore_errors=True)
    done = shop.sh("{hptjax} run r.yaml --out runs/pipe | head -1; echo ${{PIPESTATUS[0]}}")
    need(not done.err or "Traceback" not in done.err, f"it ends with {flat(done.err)[-200:]}")
    need(done.out.splitlines()[-1] == "0", f"exit code {done.out.splitlines()[-1]}")
    trials = len(hptjax.load_run(shop.folder / "runs/pipe").trials)
    need(trials == 4, f"the run ended with {trials} trials")
    return "no traceback, exit code 0, and the run ended with all 4 trials"
