"""The random numbers of a DES generation: laws of their distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from hptjax.des.algorithm import DES


def test_draws_are_independent_scalars_with_replacement():
    es = DES(4001, jnp.zeros(2), parents=5)
    state = es.init(jax.random.key(0)).replace(
        age=jnp.int32(3), num_parents=jnp.full(es.archive_size, 5)
    )
    draws = es.draw(jax.random.key(3), state)
    for ages in (draws.h1, draws.h2, draws.h3):
        share = np.bincount(np.asarray(ages), minlength=es.archive_size) / 4000
        np.testing.assert_allclose(share[:3], 1 / 3, atol=0.04)
        assert share[3:].sum() == 0  # of the filled slots only, not clipped to them
    assert np.mean(np.asarray(draws.i == draws.j)) == pytest.approx(0.2, abs=0.03)
    assert draws.a.shape == draws.b.shape == (4000, 1)
    assert abs(np.corrcoef(draws.a[:, 0], draws.b[:, 0])[0, 1]) < 0.06
    assert float(draws.a.std()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_draws_have_their_distributions(dtype):
    with jax.enable_x64(dtype == "float64"):
        es = DES(4001, jnp.zeros(5, dtype), parents=7)
        state = es.init(jax.random.key(0)).replace(
            age=jnp.int32(40), num_parents=jnp.full(es.archive_size, 7)
        )
        draws = es.draw(jax.random.key(4), state)
        z, uniform = np.asarray(draws.z), np.asarray(draws.uniform)
    assert uniform.dtype == (np.float64 if dtype == "float64" else np.float32)
    assert np.abs(uniform).max() < 1
    assert stats.kstest(uniform.ravel(), "uniform", (-1, 2)).pvalue > 1e-3
    for sample in (z.ravel(), np.ravel(draws.a), np.ravel(draws.b)):
        assert stats.kstest(sample, "norm").pvalue > 1e-3
    for index, count in [(draws.h1, es.archive_size), (draws.i, 7), (draws.j, 7)]:
        assert stats.chisquare(np.bincount(index, minlength=count)).pvalue > 1e-3
    columns = np.column_stack([z, draws.a, draws.b, draws.h1, draws.h3, draws.i, draws.j])
    assert np.abs(np.corrcoef(columns.T) - np.eye(11)).max() < 0.07


def test_keys_of_every_kind_give_other_numbers():
    es = DES(None, jnp.zeros(3))
    state = es.init(jax.random.key(0))
    for kind in ("threefry2x32", "rbg"):
        keys = jax.random.split(jax.random.key(0, impl=kind), 3)
        drawn = [np.asarray(es.draw(key, state).uniform) for key in keys]
        assert len(np.unique(drawn)) > 0.99 * 3 * drawn[0].size
