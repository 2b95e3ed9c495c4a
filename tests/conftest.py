"""Two CPU devices for all tests, and executables freed between modules.

A process can map only so much memory. HPTJAX_TEST_PLATFORM=cuda tries the tests of the population
engine on a GPU; their tolerances are those of float32: JAX_DEFAULT_MATMUL_PRECISION=highest.
"""

import os

import hypothesis
import jax
import pytest

from hptjax.ops import native

pytest.register_assert_rewrite("tests.walk")
jax.config.update("jax_platforms", os.environ.get("HPTJAX_TEST_PLATFORM", "cpu"))
jax.config.update("jax_num_cpu_devices", 2)
# the same examples every time: a test that fails, fails for everybody
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.load_profile("same")


@pytest.fixture(autouse=True, scope="module")
def _free_executables():
    yield
    jax.clear_caches()


@pytest.fixture(params=["kernels", "xla"])
def way(request, monkeypatch):
    """Operations by our CPU kernels, and by what stands in for them."""
    if request.param == "xla":
        monkeypatch.setattr(native, "available", lambda: False)
    elif not native.available():
        pytest.skip("this machine has no C++ compiler")
