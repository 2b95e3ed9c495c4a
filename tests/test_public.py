"""The public names: all are listed, typed and documented, and their examples run."""

import doctest
import inspect
import pydoc
import re
from importlib import import_module

import pytest

import hptjax
from hptjax.tuning.plots import Plot
from tests import fakes

OWN = (
    "tune",
    "run",
    "Result",
    "Trial",
    "load_run",
    "uniform",
    "loguniform",
    "integer",
    "choice",
    "Ref",
)
ERRORS = {"ConfigError", "DataError", "MissingExtraError"}
PARTS = ("Args:", "Returns:", "Raises:", "Example:")


def test_every_name_is_listed_where_people_look():
    names = set(hptjax._HOMES)
    assert set(hptjax.__all__) == names
    assert names <= set(dir(hptjax))
    words = set(re.findall(r"\w+", hptjax.__doc__))
    assert names - words == set()
    text = pydoc.plain(pydoc.render_doc(hptjax))
    assert "tune            one call: a network, images and a budget in, a Result out" in text


@pytest.mark.parametrize("package", ["des", "population", "report", "report.plots"])
def test_an_import_of_all_names_imports_those_that_are_loaded_when_used(package):
    module = import_module(f"hptjax.{package}")
    assert set(module.__all__) == set(module._HOMES)


@pytest.mark.parametrize("name", sorted(hptjax._HOMES))
def test_every_name_says_what_it_is(name):
    found = getattr(hptjax, name)
    text = inspect.getdoc(found)
    assert text
    assert text.split("\n")[0].endswith((".", ":"))


def functions():
    """Functions and methods of ours that people call."""
    for name in OWN:
        found = getattr(hptjax, name)
        if inspect.isclass(found):
            yield from public_methods(found)
        else:
            yield name, found
    yield from public_methods(Plot)


def public_methods(cls):
    for key, own in vars(cls).items():
        if not key.startswith("_") and inspect.isfunction(own):
            yield f"{cls.__name__}.{key}", own
    for base in cls.__bases__:
        if base is not object:
            yield from public_methods(base)


@pytest.mark.parametrize(("name", "function"), list(functions()))
def test_every_argument_is_typed_and_told(name, function):
    signature, text = inspect.signature(function), inspect.getdoc(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for argument, parameter in signature.parameters.items():
        if argument != "self":
            assert parameter.annotation is not inspect.Parameter.empty, argument
            told = argument in text or "as of `predict`" in text or "as `Network." in text
            assert told, argument


@pytest.mark.parametrize(
    "name", ["tune", "run", "load_run", "uniform", "loguniform", "integer", "choice"]
)
def test_functions_say_what_they_take_give_and_raise(name):
    text = inspect.getdoc(getattr(hptjax, name))
    assert [part for part in PARTS if part not in text] == []


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return hptjax.tune(
        fakes.model(),
        fakes.data(),
        space={"lr": hptjax.loguniform(0.001, 0.05)},
        epochs=2,
        trials=4,
        executor=fakes.FakeExecutor(),
        out=tmp_path_factory.mktemp("runs") / "run",
        progress=False,
    )


@pytest.mark.parametrize("name", sorted(set(hptjax._HOMES) - ERRORS))
def test_every_name_has_an_example_that_runs(name, result, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = getattr(hptjax, name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(found, name, globs={"result": result}):
        runner.run(test)
    failed, tried = runner.summarize(verbose=False)
    assert failed == 0
    assert tried > 0
