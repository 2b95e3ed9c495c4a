"""G. Documentation and commands."""

import re
import sys
from importlib import import_module
from pathlib import Path

import hptjax
from experiments.newcomer.base import flat, item, line_of, need
from experiments.newcomer.workshop import Workshop
from hptjax.study.budget import Budget
from hptjax.study.data_config import DataConfig

ROOT = Path(hptjax.__file__).parents[1]


@item(45, "an API reference, a tutorial, tables of keys, hparams and searchers")
def documented(shop: Workshop) -> str:
    docs = ROOT / "docs"
    written = [path.read_text() for path in (ROOT / "README.md", *sorted(docs.rglob("*.md")))]
    sys.path.insert(0, str(docs))
    try:
        generated = import_module("hptjax_docs.pages").pages()
    finally:
        sys.path.remove(str(docs))
    text = "\n".join([*written, *generated.values()])
    keys = [name for form in (hptjax.StudyConfig, DataConfig, Budget) for name in form.model_fields]
    hparams = [f"resnet_{name}_l" for name in ("out_channels", "kernel_size", "stride", "af")]
    wanted = {
        "public names": hptjax.__all__,
        "keys of a config": keys,
        "keys of an entry": ["log", "step", "grid", "choice", "default", "each"],
        "hparams of the original's form": hparams,
    }
    for what, words in wanted.items():
        absent = [word for word in words if not re.search(rf"\b{word}", text)]
        need(not absent, f"README and the manual lack {what}: {', '.join(absent)}")
    tutorials = [path.stem for path in sorted((docs / "tutorials").glob("*.md"))]
    need(len(tutorials) > 1, "there is no tutorial")
    told = shop.hptjax("list", "searchers", "des").ok()
    defaults = (shop.run / "config.yaml").read_text()
    need("max_failures" in defaults and "preset" in told, "neither list nor config.yaml tells them")
    return (
        f"the manual: {len(written)} pages and {len(generated)} generated ones, which have all "
        f"{len(hptjax.__all__)} public names and {len(keys)} keys; list tells options, "
        "RUN/config.yaml every default"
    )


@item(46, "--version, help, completion, list, describe --data, a config that is not there")
def commands(shop: Workshop) -> str:
    version = shop.hptjax("--version").ok().strip()
    bare, asked = shop.hptjax().ok(), shop.hptjax("help").ok()
    need(bare == asked and "usage: hptjax" in bare, "hptjax and hptjax help show no help")
    need("hptjax" in shop.hptjax("--print-completion", "bash").ok(), "there is no completion")
    listed = shop.hptjax("list").ok()
    need("quickstart" in listed and "tpe" in listed, f"list says {flat(listed)[:200]}")
    described = shop.hptjax("describe", "model", "--data", shop.full).ok()
    said = line_of(described, "Images:")
    need("x 3; the networks have 4" in said, f"describe is of other images: {said}")
    absent = shop.hptjax("run", "nosuch").mistake()
    need("quickstart" in absent, f"the packaged configs are not named: {absent}")
    begun = shop.hptjax("init").mistake()
    return f"{version}; help; completion; describe: {said} init: {begun.split(': ')[-1]}"


@item(47, "whose mistake it is; remarks; which of two sizes is the height")
def blame(shop: Workshop) -> str:
    named = shop.hptjax("run", shop.study, "--strategy", "foo").mistake()
    need(named.startswith("--strategy"), f"it blames {named}")
    changed = shop.hptjax("run", shop.study, "--set", "epochs=zero").mistake()
    need(changed.startswith("--set epochs=zero"), f"it blames {changed}")
    halved = shop.hptjax(
        *("run", shop.study, "--schedule", "halving", "--population-size", "6"),
        *("--epochs", "4", "--out", "runs/halved", "--strategy", "random"),
    ).ok()
    remark = line_of(halved.replace("\n", " \n"), "by the schedule")
    need("stopped by the schedule" in flat(halved), f"the remark lacks its verb: {remark}")
    size = shop.hptjax("describe", "model", "--set", "model.init_width=0").mistake()
    need("width" in size, size)
    sizes = shop.hptjax(
        *("describe", "model", "--data", "sample"),
        *("--set", "model.init_length=20", "--set", "model.init_width=24"),
    ).ok()
    shape = line_of(sizes, "^Images")
    need("20 x 24" in shape, f"init_length is not the height: {shape}")
    return f"{named.split(';')[0]}; {changed}; init_length is the height: {shape.split(', ')[1]}"
