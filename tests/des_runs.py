"""Loops around DES that its tests share."""

import jax
import jax.numpy as jnp
import numpy as np


def run(es, fn, generations, seed=0, x0=None):
    """Generation by generation: equal algorithms share the compiled ask and tell."""
    params, best = es.default_params, []
    state = es.init(jax.random.key(seed), x0, params)
    for key in jax.random.split(jax.random.key(seed + 1), generations):
        rows, state = es.ask(key, state, params)
        state, _ = es.tell(key, rows, fn(rows), state, params)
        best.append(float(state.best_fitness))
    return state, np.array(best)


def scanned(es, fn, generations, seed, params):
    def generation(state, key):
        rows, state = es.ask(key, state, params)
        state, _ = es.tell(key, rows, fn(rows), state, params)
        return state, (state.best_fitness, state.evaluations)

    state = es.init(jax.random.key(seed), None, params)
    return jax.lax.scan(generation, state, jax.random.split(jax.random.key(seed + 1), generations))


def sphere(rows):
    return jnp.sum((rows - 0.3) ** 2, -1)
