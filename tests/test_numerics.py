"""The installed JAX computes what it should: jaxlib 0.10.2 does not, in programs like these."""

import jax
import numpy as np
import pytest


@pytest.mark.parametrize("rows", [1_000, 32_769, 100_000])
def test_vmapped_products_followed_by_a_reduction(rows):
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(rows, 3, 4)).astype(np.float32)
    vectors = rng.normal(size=(rows, 4)).astype(np.float32)

    def squared_norms(matrix, vector):
        return ((matrix @ vector) ** 2).sum()

    got = jax.jit(jax.vmap(squared_norms))(matrices, vectors)
    want = (np.einsum("pij,pj->pi", matrices, vectors, dtype=np.float64) ** 2).sum(1)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)

    shared = jax.jit(lambda m, v: jax.vmap(lambda m: (m @ v).max())(m).sum())(matrices, vectors[0])
    want = np.einsum("pij,j->pi", matrices, vectors[0], dtype=np.float64).max(1).sum()
    np.testing.assert_allclose(shared, want, rtol=1e-3, atol=1e-1)
