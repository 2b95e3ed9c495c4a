"""What a process is set up with, before JAX has started and after."""

import json
import os
import subprocess
import sys

import pytest

from hptjax.devices import available_cores

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
def test_after_jax_programs_are_not_kept_and_a_warning_says_so(before, tmp_path):
    late = f"{before}\nfrom hptjax.devices import set_up\n" + "set_up(compile_cache=True)\n" * 2
    assert told(late, tmp_path) == [None, 2]


def test_set_up_again_is_no_mistake(tmp_path):
    twice = (
        "from hptjax.devices import set_up\nset_up(compile_cache=True)\n"
        "import jax; jax.devices()\nset_up(compile_cache=True)"
    )
    assert told(twice, tmp_path) == [str(tmp_path), 0]


def test_cores_are_those_that_were_given(monkeypatch):
    monkeypatch.setenv("NPROC", "3")
    assert available_cores() == 3
    monkeypatch.setenv("NPROC", "many")
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
