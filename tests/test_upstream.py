"""docs/upstream/: the drafts for other projects do what they say."""

import importlib.util
import re
import sys
from pathlib import Path

import optuna
import pytest
import yaml

from hptjax.des import DESSampler

try:
    import optunahub  # pyright: ignore[reportMissingImports]
except ImportError:
    optunahub = None

UPSTREAM = Path(__file__).parent.parent / "docs" / "upstream"
PACKAGE = UPSTREAM / "optunahub" / "package" / "samplers" / "des"


def module_at(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Hub:
    """Of optunahub what the programs use; where it is installed, it loads the package itself."""

    @staticmethod
    def load_module(package):
        registry = UPSTREAM / "optunahub" / "package"
        if optunahub is None:
            return module_at(registry / package / "__init__.py", "des")
        return optunahub.load_local_module(package, registry_root=str(registry))


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)


def test_the_package_has_what_the_registry_wants():
    names = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert {"README.md", "LICENSE", "__init__.py", "example.py"} <= names
    text = (PACKAGE / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    said = yaml.safe_load(front)
    assert set(said) == {"author", "title", "description", "tags", "optuna_versions", "license"}
    assert "sampler" in said["tags"]
    assert said["optuna_versions"][0].split(".")[0] == optuna.__version__.split(".")[0]
    for title in ("Abstract", "APIs", "Installation", "Example"):
        assert f"\n## {title}\n" in body


def test_the_package_loads_our_sampler():
    assert Hub.load_module("samplers/des").DESSampler is DESSampler


def test_the_example_searches(monkeypatch):
    example = _with_hub(monkeypatch, lambda: module_at(PACKAGE / "example.py", "example"))
    study = optuna.create_study(sampler=Hub.load_module("samplers/des").DESSampler(seed=0))
    study.optimize(example.objective, n_trials=5 * 21)
    values = [trial.values[0] for trial in study.trials]
    assert min(values[-21:]) < min(values[:21])


def test_the_program_of_its_page_runs(monkeypatch, capsys):
    (program,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.S)
    _with_hub(monkeypatch, lambda: exec(program, {}))
    assert float(capsys.readouterr().out.split()[0]) < 1


def test_the_program_of_the_issue_for_evosax_runs(capsys):
    text = (UPSTREAM / "evosax-issue.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.S)
    exec(program, {})
    assert float(capsys.readouterr().out) < 1e-3


def _with_hub(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "optunahub", Hub)
    return call()
