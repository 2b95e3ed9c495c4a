"""What a process is set up with, before JAX has started and after."""

import json
import os
import subprocess
import sys

import pytest

import hptjax
from hptjax import devices
from hptjax.devices import available_cores
from tests import fakes

SHOW = """
import json, jax
print(json.dumps([jax.config.jax_compilation_cache_dir, len(caught)]))
"""


def told(code: str, tmp_path) -> list:
    """What a new process says after some code: its cache of programs, and how many warnings."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"HPTJAX_COMPILE_CACHE": str(tmp_path), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    caught = "import warnings\nwith warnings.catch_warnings(record=True) as caught:\n"
    body = "".join(
        f"    {line}\n" for line in ["warnings.simplefilter('always')", *code.split("\n")]
    )
    command = [sys.executable, "-c", caught + body + SHOW]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_set_up_is_found_where_the_readme_has_it(tmp_path):
    line = "import hptjax; hptjax.devices.set_up(compile_cache=True)"
    assert told(line, tmp_path) == [str(tmp_path), 0]


@pytest.mark.parametrize("before", ["import jax", "import jax; jax.devices()"])
def test_after_jax_programs_are_kept_too(before, tmp_path):
    late = f"{before}\nfrom hptjax.devices import set_up\n" + "set_up(compile_cache=True)\n" * 2
    assert told(late, tmp_path) == [str(tmp_path), 0]


def test_xla_says_nothing_of_programs_from_the_cache_even_after_jax_has_started(tmp_path):
    code = (
        "import jax, logging, jax.numpy as jnp\njnp.ones(2).sum()\n"
        "logging.getLogger('jax').setLevel(31)\n"
        "from hptjax.devices import set_up\nset_up(compile_cache=True)\n"
        "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)\n"
        "print(jax.jit(lambda x: jnp.sort(jnp.sin(x)))(jnp.ones(3)).shape)\n"
        "print(logging.getLogger('jax').level)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"HPTJAX_COMPILE_CACHE": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    for _ in range(2):  # the second takes it from the cache
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("(3,)\n31\n", "")
        assert any(tmp_path.iterdir())


def test_a_directory_for_programs_that_was_chosen_before_stays(tmp_path):
    chosen = "import jax; jax.config.update('jax_compilation_cache_dir', 'mine')\n"
    line = "from hptjax.devices import keep_programs; keep_programs()"
    assert told(chosen + line, tmp_path) == ["mine", 0]


def test_set_up_again_is_no_mistake(tmp_path):
    twice = (
        "from hptjax.devices import set_up\nset_up(compile_cache=True)\n"
        "import jax; jax.devices()\nset_up(compile_cache=True)"
    )
    assert told(twice, tmp_path) == [str(tmp_path), 0]


def test_tune_keeps_programs_as_the_command_line_does(monkeypatch):
    kept = []
    monkeypatch.setattr(devices, "keep_programs", lambda: kept.append("kept"))
    how = {"searcher": "random", "executor": fakes.FakeExecutor(), "out": False, "progress": False}
    space = {"lr": hptjax.loguniform(0.001, 0.05)}
    hptjax.tune(fakes.model(), fakes.data(), space=space, epochs=1, trials=2, **how)
    assert kept == ["kept"]


def test_cores_are_those_that_were_given(monkeypatch):
    monkeypatch.setenv("NPROC", "3")
    assert available_cores() == 3
    monkeypatch.setenv("NPROC", "many")
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
