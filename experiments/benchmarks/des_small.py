"""DES on four small functions beside the figures of the authors' release.

    python experiments/benchmarks/des_small.py

Medians of 51 runs of release-original from the centre of the box [-5, 5]^7, optimum in the interior
(a shift drawn once, the same for all runs), after 175, 700, 3500 and 7000 evaluations; float64.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

from hptjax.des import des_minimize

DIMS, RUNS, AT = 7, 51, (175, 700, 3500, 7000)


def sphere(x):
    return jnp.sum(x**2)


def rosenbrock(x):
    x = x + 1  # moves its optimum from 1 to 0, where the others have it
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rastrigin(x):
    return jnp.sum(x**2 - 10 * jnp.cos(2 * jnp.pi * x) + 10)


def ellipsoid(x):
    return jnp.sum(10.0 ** (6 * jnp.arange(DIMS) / (DIMS - 1)) * x**2)


PUBLISHED = {
    sphere: (1.4, 0.10, 1.4e-5, 3e-10),
    rosenbrock: (230, 36, 2.9, 7e-5),
    rastrigin: (37, 24, 17, 12),
    ellipsoid: (1.5e4, 1.4e3, 0.48, 2e-6),
}


def medians(function, shift: np.ndarray, seed: int) -> list[float]:
    """Median best value of the runs after each number of evaluations in AT."""
    history = des_minimize(
        lambda x: function(x - shift),
        x0=np.zeros(DIMS),
        bounds=(-5.0, 5.0),
        preset="release-original",
        budget=AT[-1] + 4 * DIMS + 1,
        seed=seed,
        runs=RUNS,
        history=True,
    ).history
    made = history["nfev"][:, 0]  # every row is feasible: all runs count alike
    rows = [int(np.searchsorted(made, count, side="right")) - 1 for count in AT]
    return [float(np.median(history["best_so_far"][row])) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=3, help="largest shift")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    shift = np.random.default_rng(args.seed).uniform(-args.scale, args.scale, DIMS)
    print(f"function | {AT} evaluations: ours | published")
    for function, published in PUBLISHED.items():
        ours = medians(function, shift, args.seed)
        print(
            f"{function.__name__} | "
            + " ".join(f"{value:.2g}" for value in ours)
            + " | "
            + " ".join(f"{value:.2g}" for value in published),
            flush=True,
        )


if __name__ == "__main__":
    main()
