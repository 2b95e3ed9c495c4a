"""README.md: its programs run as they stand, and its study is one."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import hptjax
from hptjax.config.geometry import ImageSpec
from hptjax.config.yaml_file import parse_yaml
from hptjax.data import load_images
from hptjax.models.costs import network_costs
from hptjax.study import load_study
from hptjax.study.config import StudyConfig
from hptjax.transpile import build
from tests import fakes
from tests.test_other_packages import SEARCH

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PROGRAMS = [PythonCodeBlockParser()]


def few_images(source):
    """A tenth of what is in the sample; training takes most of the programs' time."""
    found = load_images(source)
    return found.take(np.arange(0, found.size, 10)) if source == "sample" else found


@pytest.mark.slow
def test_the_programs_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    monkeypatch.setattr(hptjax, "load_images", few_images)
    document = Sybil(parsers=PROGRAMS).parse(README)
    results = []
    for example in document.examples():
        document.namespace.clear()
        example.evaluate()
        results.append(dict(document.namespace))
    assert len(results) == README.read_text().count("```python\n") >= 2
    [tuned] = [found["result"] for found in results if "result" in found]
    assert (len(tuned.trials), tuned.stopped) == (8, "trial budget")
    [metrics] = [found["metrics"] for found in results if "metrics" in found]
    accuracy = metrics["val_accuracy"]
    assert accuracy.shape == (2, 4)
    assert ((accuracy >= 0) & (accuracy <= 1)).all()
    assert accuracy[-1].max() > 0.2  # chance is 0.1
    [losses] = [np.asarray(found["losses"]) for found in results if "losses" in found]
    assert losses.shape == (3, 29)
    assert np.isfinite(losses.min(1)).all()


def yaml_blocks():
    found = []
    parser = CodeBlockParser(
        language="yaml", evaluator=lambda example: found.append(str(example.parsed))
    )
    for example in Sybil(parsers=[parser]).parse(README).examples():
        example.evaluate()
    return found


def block_with(text):
    """The one block of YAML that holds a text."""
    [found] = [block for block in yaml_blocks() if text in block]
    return found


def test_the_network_is_one(tmp_path):
    (tmp_path / "mine.yaml").write_text(block_with("# mine.yaml"))
    study = load_study(tmp_path / "mine.yaml")
    hidden = ("hidden.depth", "hidden.0.out_features", "hidden.1.out_features")
    assert tuple(study.space) == (
        *("stem.out_channels", "stage.depth", "pool", *hidden),
        *("optimizer", "optimizer.sgd.momentum", "lr"),
    )


def test_the_networks_own_class_and_layer_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("my_nets", "my_layers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    python = [str(example.parsed) for example in Sybil(parsers=PROGRAMS).parse(README).examples()]
    for name, word in (("my_nets", "class ConvNet"), ("my_layers", "class LayerScale")):
        [code] = [block for block in python if word in block]
        (tmp_path / f"{name}.py").write_text(code)
    text = " ".join(README.read_text().split())
    network = text.partition("in place of the list: `")[2].partition("`")[0]
    layer = text.partition("which a list names as `")[2].partition("`")[0]
    for key, tree in (("flax", network), ("layers", f"[{{{layer}}}, flatten, head]")):
        line = tree if key == "flax" else f"layers: {tree}"
        (tmp_path / "own.yaml").write_text(f"model: {{{line}, lr: {{float: [0.1, 0.2]}}}}\n")
        study = load_study(tmp_path / "own.yaml")
        image = ImageSpec(6, 6, 1, 3)
        assert network_costs(build(study.model, image).config).parameters > 0
    for name in ("my_nets", "my_layers"):
        sys.modules.pop(name, None)


def test_the_study_is_one(tmp_path):
    text = block_with("schedule: {halving")
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    path = tmp_path / "configs" / "own.yaml"
    path.write_text(text)
    study = load_study(path)
    assert study.population_size == 29
    assert len(study.strategies) == 4


def test_the_recipe_is_one():
    own = parse_yaml(block_with("metrics: [val_balanced"), "README.md")
    model = yaml.safe_load((ROOT / "configs" / "model.yaml").read_text())["model"]
    study = StudyConfig.from_dict({**own, "model": {**model, **own["model"]}})
    assert study.metrics == ("val_balanced_accuracy",)
    assert StudyConfig.from_dict(study.to_dict()) == study


MODULES = {
    "my_search": SEARCH,
    "my_data": "def load(request):\n    raise NotImplementedError\n",
    "my_parts": "import hptjax\n\nclass Noise(hptjax.Augmentation):\n"
    "    def __call__(self, images, key):\n        return images\n",
    "my_sinks": "import hptjax\n\nclass Notes(hptjax.Sink):\n"
    "    class Options(hptjax.Sink.Options):\n        file: str\n",
}


def test_parts_of_ones_own_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, code in MODULES.items():
        (tmp_path / f"{name}.py").write_text(code)
    text = block_with("my_search:Climb")
    rest = {"model": fakes.model(), "space": fakes.SPACE.to_dict()}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(rest) + text)
    study = load_study(tmp_path / "study.yaml")
    assert study.labels == ("Climb", "des")
    assert study.sinks[0].to_tree() == {"my_sinks:Notes": {"file": "notes.txt"}}
    for name in MODULES:
        sys.modules.pop(name, None)
