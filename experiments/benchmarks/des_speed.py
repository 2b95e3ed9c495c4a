"""Evaluations per second of DES beside other optimisers, sphere, same population.

    python experiments/benchmarks/des_speed.py

Each contestant runs a few times, interleaved; medians are shown, without compilation. "DES x 51" is
`des_minimize(..., runs=51)` as a user calls it, which spreads its runs over one XLA device per
core. Every other contestant, including the numpy loop, computes on one core. The ratio by CPU time
counts work instead of cores, and other load on the machine distorts it less.
"""

import argparse
import os
import time
from collections.abc import Callable

os.environ["JAX_NUM_CPU_DEVICES"] = str(os.cpu_count())  # read by the import of JAX

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms import CMA_ES, DifferentialEvolution
from scipy.optimize import differential_evolution

from hptjax.des import DES, des_minimize

RUNS = 51


def sphere(x):
    return ((x - 0.3) ** 2).sum(-1)


def evosax_run(name: str, dims: int, generations: int, runs: int | None) -> Callable:
    """A compiled function that makes the runs once, and returns the number of evaluations."""
    size = 4 * dims + 1
    if name == "DES":
        es = DES(size, jnp.zeros(dims), budget=2**31 - 1)
    else:
        es = {"CMA_ES": CMA_ES, "DifferentialEvolution": DifferentialEvolution}[name](
            size, jnp.zeros(dims)
        )
    params = es.default_params

    def one(key):
        key, key_init = jax.random.split(key)
        if name == "DifferentialEvolution":
            first = jax.random.uniform(key_init, (size, dims))
            state = es.init(key_init, first, sphere(first), params)
        else:
            state = es.init(key_init, jnp.full(dims, 0.5), params)

        def generation(state, key):
            key_ask, key_tell = jax.random.split(key)
            rows, state = es.ask(key_ask, state, params)
            return es.tell(key_tell, rows, sphere(rows), state, params)[0], None

        state, _ = jax.lax.scan(generation, state, jax.random.split(key, generations))
        return state.best_fitness

    keys = jax.random.key(0) if runs is None else jax.random.split(jax.random.key(0), runs)
    compiled = jax.jit(one if runs is None else jax.vmap(one)).lower(keys).compile()

    def run() -> int:
        jax.block_until_ready(compiled(keys))
        return size * generations * (runs or 1)

    return run


def minimize_run(dims: int, generations: int) -> Callable:
    """A function that makes all runs by `des_minimize`; a first call has compiled it."""

    def run() -> int:
        box, budget = [(0, 1)] * dims, (4 * dims + 1) * generations
        # sphere returns numpy for numpy, which would count as a plain function
        result = des_minimize(sphere, bounds=box, runs=RUNS, budget=budget, jit=True)
        return int(result.nfev.sum())

    run()
    return run


def numpy_des(dims: int, generations: int) -> Callable:
    """DES with a loop over the individuals, as in the original study's des_classic."""
    size, mu = 4 * dims, 2 * dims
    history = 6 + int(np.ceil(3 * np.sqrt(dims)))
    weights = np.log(mu + 1) - np.log(np.arange(1, mu + 1))
    weights /= weights.sum()
    storage = np.log(size + 1) - np.log(np.arange(1, size + 1))
    storage /= storage.sum()
    c_d, c_p = mu / (mu + 2), 1 / np.sqrt(dims)

    def run() -> int:
        rng = np.random.default_rng(0)
        x = rng.uniform(size=(size, dims))
        m, c, p, archive = x.mean(0), np.full(dims, 0.5), np.zeros(dims), []
        for t in range(1, generations + 1):
            fitness = [sphere(row) for row in x]
            parents = x[np.argsort(fitness, kind="stable")[:mu]]
            mean = weights @ parents
            p = (1 - c_p) * p + np.sqrt(mu * c_p * (2 - c_p)) * (mean - m)
            archive = [*archive, (parents, mean - storage @ x, p)][-history:]
            m, c = mean, 0.8 * c + 0.2 * mean
            sphere(c)
            for k in range(size):
                h, g = rng.integers(len(archive), size=2)
                i, j = rng.integers(mu, size=2)
                difference = (archive[h][0][i] - archive[h][0][j]) / np.sqrt(2)
                x[k] = m + np.sqrt(c_d) * (difference + rng.normal() * archive[h][1])
                x[k] += np.sqrt(1 - c_d) * rng.normal() * archive[g][2]
                x[k] += 1e-6 * (1 - 2 / dims**2) ** (t / 2) * rng.normal(size=dims)
                for d in range(dims):
                    if x[k, d] < 0:
                        x[k, d] = -x[k, d] % 1
                    if x[k, d] > 1:
                        x[k, d] = 1 - (x[k, d] - 1) % 1
        return (size + 1) * generations

    return run


def scipy_run(dims: int, generations: int) -> Callable:
    def run() -> int:
        result = differential_evolution(
            sphere, [(0, 1)] * dims, popsize=4, maxiter=generations, polish=False, tol=0, rng=0
        )
        return result.nfev

    return run


def cmaes_run(dims: int, generations: int) -> Callable:
    from cmaes import CMA  # pyright: ignore[reportMissingImports]

    def run() -> int:
        size = 4 * dims + 1
        es = CMA(mean=np.full(dims, 0.5), sigma=0.3, population_size=size, seed=0)
        for _ in range(generations):
            points = [es.ask() for _ in range(size)]
            es.tell([(x, float(sphere(x))) for x in points])
        return size * generations

    return run


def contestants(dims: int, generations: int, short: int) -> dict[str, Callable]:
    found = {"numpy loop": numpy_des(dims, short), "scipy DE": scipy_run(dims, short)}
    try:
        found["cmaes"] = cmaes_run(dims, short)
    except ImportError:
        print("cmaes is not installed: left out")
    found[f"DES x {RUNS}"] = minimize_run(dims, generations)
    for name in ("DES", "CMA_ES", "DifferentialEvolution"):
        found[f"{name} x 1"] = evosax_run(name, dims, generations, None)
        if name == "DES":  # as many as in the other row: they cost more when the archive is full
            found[f"DES x {RUNS}, one vmap"] = evosax_run(name, dims, generations, RUNS)
        else:
            found[f"{name} x {RUNS}"] = evosax_run(name, dims, max(generations // 10, 1), RUNS)
    return found


def timed(run: Callable) -> tuple[float, float]:
    """Evaluations per second of wall time and of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    evaluations = run()
    return evaluations / (time.perf_counter() - wall), evaluations / (time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dims", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--generations", type=int, default=300)
    parser.add_argument("--short", type=int, default=10, help="generations of the plain loops")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    for dims in args.dims:
        runners = contestants(dims, args.generations, args.short)
        rates: dict[str, list] = {name: [] for name in runners}
        for _ in range(args.repeats):
            for name, run in runners.items():
                rates[name].append(timed(run))
        base = np.median(rates["numpy loop"], 0)
        for name, values in rates.items():
            rate = np.median(values, 0)
            wall, cpu = rate / base
            print(
                f"D={dims} {name:26s} {rate[0]:12.0f} evaluations/s  "
                f"x numpy loop: {wall:8.1f} by wall time {cpu:8.1f} by CPU time"
            )


if __name__ == "__main__":
    main()
