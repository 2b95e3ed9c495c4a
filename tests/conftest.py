"""Two CPU devices for all tests, and executables freed between modules.

A process can map only so much memory. HPTJAX_TEST_PLATFORM=cuda tries the tests of the population
engine on a GPU; their tolerances are those of float32: JAX_DEFAULT_MATMUL_PRECISION=highest.

Most programs run for a few steps, so XLA compiles them without optimizing: a fifth of the time. The
tests marked `optimized` hold what users run: test_optimized.py starts them in a process of its own.
`XLA_FLAGS= pytest` optimizes in all tests.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import jax
import pytest

from hptjax.ops import native
from hptjax.table import entry_rows
from tests.compilations import MARK, UNOPTIMIZED

Install = Callable[[str, str, Mapping[str, str]], None]


pytest.register_assert_rewrite("tests.walk")
# before XLA starts, which reads it once; processes that tests start inherit it
os.environ.setdefault("XLA_FLAGS", UNOPTIMIZED)
os.environ["HPTJAX_CALIBRATION"] = "0"  # what somebody has measured changes texts
jax.config.update("jax_platforms", os.environ.get("HPTJAX_TEST_PLATFORM", "cpu"))
jax.config.update("jax_num_cpu_devices", 2)
# the same examples every time: a test that fails, fails for everybody
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")


# by the processor time that they take, the dearest first
LONG = (
    "test_optimized",
    "test_docs",
    "test_population",
    "test_study_ray",
    "test_des_algorithm",
    "test_study_engine",
    "test_strategies_evosax",
    "test_population_execution",
    "test_population_layers",
    "test_layers",
    "test_study_extend",
    "test_des_minimize",
    "test_conv",
    "test_attack_files",
    "test_law",
    "test_readme",
    "test_notebooks",
    "test_population_problem",
    "test_study_kill",
)


def pytest_configure(config):
    config.option.loadscopereorder = False  # xdist would begin with the files of the most tests


def pytest_collection_modifyitems(items):
    """Begins with the files that take longest, so that no core waits for another at the end."""
    places = {name: k for k, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


def pytest_collection_finish():
    gc.freeze()  # thousands of tests, which stay to the end: no later collection need look at them


def pytest_runtest_setup(item):
    if os.environ["XLA_FLAGS"] == UNOPTIMIZED and item.get_closest_marker("optimized"):
        assert MARK in item.path.read_text()  # by which that test finds the file
        pytest.skip("test_optimized.py runs it, in a process of its own")


@pytest.fixture(autouse=True, scope="module")
def _free_executables():
    yield
    jax.clear_caches()


@pytest.fixture(params=["kernels", "xla"])
def way(request, monkeypatch):
    """Operations by our CPU kernels, and by what stands in for them; `tpu`: there."""
    if request.param in ("xla", "tpu"):
        monkeypatch.setattr(native, "available", lambda: False)
        monkeypatch.setattr(native, "for_tpu", lambda: request.param == "tpu")
    elif not native.available():
        pytest.skip("this machine has no C++ compiler")


@contextmanager
def _installing(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Install]:
    def install(name: str, points: str, modules: Mapping[str, str]) -> None:
        home = folder / name
        info = home / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)
        for module, code in modules.items():
            path = home / f"{module.replace('.', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(code)
        patch.syspath_prepend(str(home))
        entry_rows.cache_clear()

    before = set(sys.modules)
    yield install
    entry_rows.cache_clear()
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(folder)):
            del sys.modules[module]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a distribution, with its entry points and modules {dotted name: code}."""
    with _installing(tmp_path, monkeypatch) as install:
        yield install


@pytest.fixture(scope="module")
def module_package(tmp_path_factory):
    """As `package`, until the last test of a module."""
    with (
        pytest.MonkeyPatch.context() as patch,
        _installing(tmp_path_factory.mktemp("packages"), patch) as install,
    ):
        yield install
