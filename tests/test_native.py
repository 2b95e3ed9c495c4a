"""The CPU kernels: compiled once, left out where they cannot be, and never in the way."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from hptjax.ops import native
from hptjax.ops.conv import conv


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A machine that has compiled nothing yet."""
    monkeypatch.setattr(native, "_cache_folder", lambda: tmp_path / "kernels")
    return tmp_path / "kernels"


def test_a_compiler_that_fails_is_reported_and_leaves_nothing(fresh, monkeypatch):
    monkeypatch.setenv("CXX", f"{sys.executable} -c 'raise SystemExit(1)'")
    with pytest.warns(UserWarning, match="could not be compiled"):
        assert native._library() is None
    assert not list(fresh.iterdir())


def test_without_a_compiler_there_are_no_kernels(fresh, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert native._library() is None
    assert not fresh.exists()


@pytest.mark.slow
def test_the_kernels_are_compiled_once(fresh, monkeypatch):
    if native._compiler() is None:
        pytest.skip("this machine has no C++ compiler")
    path = native._library()
    assert path is not None
    assert [path] == list(fresh.iterdir())
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: pytest.fail("compiled again"))
    monkeypatch.setattr(native, "_digest", lambda command: path.stem)
    assert native._library() == path


def test_programs_can_be_traced_without_kernels():
    x, w = jnp.ones((2, 4, 4, 16)), jnp.ones((3, 3, 3, 2))
    with native.left_out():
        text = jax.jit(lambda x, w: conv(x, w)).trace(x, w).lower(lowering_platforms=("cuda",))
        assert "hptjax_conv" not in text.as_text()
    here = jax.jit(lambda x, w: conv(x, w)).lower(x, w).as_text()
    assert ("hptjax_conv" in here) == native.available()
