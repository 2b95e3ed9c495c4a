"""Two CPU devices for all tests, and executables freed between modules.

A process can map only so much memory.
"""

import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)


@pytest.fixture(autouse=True, scope="module")
def _free_executables():
    yield
    jax.clear_caches()
