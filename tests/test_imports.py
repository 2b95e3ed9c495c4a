"""The layers: a module imports only lower ones, and heavy libraries come in on demand."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hptjax

ROOT = Path(hptjax.__file__).parent
# Longest prefix wins. Two modules of one layer may import each other's package; cycles are refused.
LAYERS = {
    "hptjax": 9,  # the package's own front
    "hptjax.errors": 0,
    "hptjax._types": 0,
    "hptjax._names": 0,
    "hptjax.config": 1,
    "hptjax.config.study": 3,  # knows the hparam table
    "hptjax.config.load": 3,
    "hptjax.space": 1,
    "hptjax.checks": 1,
    "hptjax.entries": 1,
    "hptjax.data": 1,
    "hptjax.ops": 1,
    "hptjax.records.journal": 1,
    "hptjax.models": 2,
    "hptjax.des": 2,
    "hptjax.transpile": 3,
    "hptjax.training": 3,
    "hptjax.population": 4,
    "hptjax.strategies": 5,
    "hptjax.study": 6,
    "hptjax.records": 7,
    "hptjax.analysis": 7,
    "hptjax.plots": 7,
    "hptjax.report": 7,
    "hptjax.cli": 8,
    "hptjax.__main__": 9,
}


def layer_of(module: str) -> int:
    """Layer of a module: that of its longest listed prefix other than the package itself."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in LAYERS and (end > 1 or len(parts) == 1):
            return LAYERS[".".join(parts[:end])]
    raise AssertionError(f"{module} has no layer: give it one in LAYERS")


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


@pytest.mark.parametrize("name", sorted(modules()))
def test_modules_import_only_lower_layers(name):
    known = modules()
    if name == "hptjax.records":
        return  # a lazy front of its own modules
    for imported in imports_of(known[name], known):
        assert layer_of(imported) <= layer_of(name), f"{name} imports {imported}"


def test_import_hptjax_is_light():
    code = "import sys, hptjax; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "hptjax" in loaded
    assert not {"optuna", "ray", "pandas", "matplotlib", "evosax", "tensorboardX"} & set(loaded)


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
    code = "import sys, hptjax.strategies.registry; print('optuna' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["False"]


def test_every_public_name_is_where_the_package_says():
    for name in hptjax._HOMES:
        assert getattr(hptjax, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'"):
        getattr(hptjax, "Clasifier")  # noqa: B009 - the checker knows that it is missing
