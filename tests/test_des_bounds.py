"""The box of DES: its check and the reflection back into it."""

import jax.numpy as jnp
import numpy as np
import pytest

from hptjax.des.algorithm import DES
from hptjax.des.bounds import bounce_back, check_box, finite_or_far
from hptjax.errors import ConfigError
from tests.des_reference import bounce

LOWER, UPPER = np.array([-1.0, 2.0, 100.0]), np.array([1.0, 5.0, 101.0])


def test_bounce_back_is_modular_and_leaves_its_input():
    x = np.array([[-1.5, 12.0, 100.5], [7.0, 1.0, 99.9]])
    before = x.copy()
    expected = [bounce(row, LOWER, UPPER) for row in x]
    np.testing.assert_allclose(bounce_back(x, LOWER, UPPER), expected, rtol=1e-6)
    np.testing.assert_array_equal(x, before)
    wild = jnp.array([jnp.nan, jnp.inf, -jnp.inf])
    inside = bounce_back(finite_or_far(wild, LOWER, UPPER), LOWER, UPPER)
    assert bool(((inside >= LOWER) & (inside <= UPPER)).all())


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1, 1, "lower < upper"),
        (2, 1, "lower < upper"),
        (0, np.inf, "finite"),
        (np.nan, 1, "finite"),
    ],
)
def test_unusable_bounds_are_named(low, high, text):
    with pytest.raises(ConfigError, match=text):
        check_box([0, low], [1, high])
    with pytest.raises(ConfigError, match=text):
        DES(None, jnp.zeros(2), bounds=([0, low], [1, high]))
