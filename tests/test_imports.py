"""The layers: a module imports only lower ones, and heavy libraries come in on demand."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hptjax

ROOT = Path(hptjax.__file__).parent
# Lowest first. A module imports only its own folder and lower ones.
LAYERS = (
    "lazy",
    "synonyms",
    "errors",
    "notebook",
    "glossary",
    "importing",
    "table",
    "checks",
    "paths",
    "devices",
    "settings",
    "entries",
    "entry_form",
    "conditions",
    "grid",
    "space",
    "config",
    "layers",
    "ops",
    "data",
    "des",
    "records",
    "models",
    "exports",
    "nn",
    "testing",
    "tasks",
    "population",
    "transpile",
    "strategies",
    "study",
    "executors",
    "search",
    "report",
    "tuning",
    "cli",
    "__main__",
)


def layer_of(module: str) -> int:
    return LAYERS.index(module.split(".")[1])


def modules() -> dict[str, Path]:
    paths = {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path
        for path in ROOT.rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for name, path in paths.items()}


def imports_of(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a file imports, anywhere in it but for type checking."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = names & known.keys()
            found |= submodules or {node.module}
    return {name for name in found if name.split(".")[0] == "hptjax"}


@pytest.mark.parametrize("name", sorted(modules().keys() - {"hptjax"}))
def test_modules_import_only_lower_layers(name):
    known = modules()
    for imported in imports_of(known[name], known) - {"hptjax"}:
        assert layer_of(imported) <= layer_of(name), f"{name} imports {imported}"


def test_no_module_imports_itself_through_others():
    known = modules()
    graph = {name: imports_of(path, known) & known.keys() for name, path in known.items()}
    assert list(TopologicalSorter(graph).static_order())  # CycleError names a cycle


def test_import_hptjax_is_light():
    code = "import sys, hptjax; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "hptjax" in loaded
    assert not {
        "numpy",
        "jax",
        "flax",
        "optuna",
        "ray",
        "pandas",
        "matplotlib",
        "evosax",
        "tensorboardX",
    } & set(loaded)


def test_help_needs_no_jax():
    code = (
        "import sys\nfrom hptjax.cli.main import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "print('jax' in sys.modules, 'optuna' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.split()[-2:] == ["False", "False"]
    assert "examples:" in output


def test_strategies_and_the_loop_bring_no_search_library_along():
    code = "import sys, hptjax.strategies.table; print('optuna' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["False"]


def test_every_public_name_is_where_the_package_says():
    for name in hptjax._HOMES:
        assert getattr(hptjax, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'"):
        getattr(hptjax, "Clasifier")  # noqa: B009 - the checker knows that it is missing


def test_modules_are_there_without_an_import_of_their_own():
    code = (
        "import sys, hptjax; assert 'jax' not in sys.modules; hptjax.devices.set_up; "
        "print(*(getattr(hptjax, name).__name__ for name in hptjax._MODULES))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded == [f"hptjax.{name}" for name in hptjax._MODULES]


@pytest.mark.parametrize(
    ("command", "without"),
    [
        (["--help"], "numpy jax flax optuna evosax pydantic rich"),
        (["list"], "jax flax optuna evosax pandas"),
        (["describe", "quickstart"], "optuna evosax optax pandas matplotlib"),
    ],
)
def test_a_command_imports_no_library_that_it_does_not_use(command, without):
    code = (
        "import sys\nfrom hptjax.cli.main import main\n"
        f"try: main({command})\n"
        "except SystemExit: pass\n"
        "print(*(m for m in sys.modules if '.' not in m))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "hptjax" in output
    assert not set(without.split()) & set(output.splitlines()[-1].split())
