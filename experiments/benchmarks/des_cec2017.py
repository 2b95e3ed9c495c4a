"""DES on CEC2017, beside the published figures (needs the extra `bench`: minionpy).

    python experiments/benchmarks/des_cec2017.py --presets tevc release-original --dims 10

The published protocol: 51 runs, 10 000 D evaluations, error f - f*, float64. All runs' populations
are evaluated in one C++ call per generation. For each function it prints the ratio of the medians,
and two tests of "the same distribution": Welch's t test on the published mean and sd, and a sign
test of our values against the published median (also of 51 runs). With `--samples published.csv`
(columns function, preset, dim, error) it adds Mann-Whitney's rank test.
"""

import argparse
import csv
import time

import jax
import minionpy  # pyright: ignore[reportMissingImports]
import numpy as np
from scipy import stats

from hptjax.des import PRESETS, des_minimize

# mean, sd, median at D = 10 (Arabas & Jagodzinski 2020; release-lamarckian: authors' release)
PUBLISHED: dict[str, dict[int, tuple[float, float, float]]] = {
    "tevc": {
        1: (3.9e-10, 1.1e-9, 6.7e-11),
        5: (1.87, 1.01, 1.99),
        8: (2.17, 1.07, 1.99),
        10: (9.83, 27.9, 0.437),
        12: (230.5, 123, 236.9),
        15: (0.338, 0.346, 0.298),
        20: (10.2, 10.4, 2.30),
        21: (200.4, 8.3, 202.6),
        28: (384.6, 132, 300),
    },
    "release-original": {
        1: (0, np.nan, 0),
        5: (3.37, np.nan, 2.98),
        8: (3.42, np.nan, 2.98),
        10: (45.9, np.nan, 12.0),
        12: (394, np.nan, 357),
        15: (0.879, np.nan, 0.50),
        20: (9.5, np.nan, 1.5),
        21: (203.6, np.nan, 204.1),
        28: (540, np.nan, 612),
    },
}
FUNCTIONS = tuple(PUBLISHED["tevc"])
PUBLISHED_RUNS = 51


def errors(number: int, dims: int, preset: str, runs: int, budget: int, seed: int) -> np.ndarray:
    """Returns f - f* of each run [runs]; values below 1e-8 are kept."""
    problem = minionpy.CEC2017Functions(number, dims)
    result = des_minimize(
        lambda x: np.asarray(problem(x)),
        x0=np.zeros(dims),
        bounds=(-100.0, 100.0),
        preset=preset,
        budget=budget,
        seed=seed,
        runs=runs,
        vectorized=True,
        jit=False,
    )
    return result.fun - 100.0 * number


def compare(error: np.ndarray, published: tuple[float, float, float]) -> tuple[float, float]:
    """The p values of Welch's t test (with our sd if none is published) and of the sign test."""
    mean, sd, median = published
    spread = error.std(ddof=1)
    theirs = spread if np.isnan(sd) else sd
    p_mean = stats.ttest_ind_from_stats(
        error.mean(), spread, len(error), mean, theirs, PUBLISHED_RUNS, equal_var=False
    ).pvalue
    # Many runs may end exactly at the median, the optimum: only more than half on one side speaks
    # against it. The published median is uncertain, too.
    tie = 0.01 * abs(median) + 1e-8
    beyond = max(np.sum(error > median + tie), np.sum(error < median - tie))
    excess = max(2 * beyond - len(error), 0) / len(error)
    score = excess / np.sqrt(1 / len(error) + 1 / PUBLISHED_RUNS)
    return float(p_mean), float(2 * stats.norm.sf(score))


def read_samples(path: str) -> dict[tuple[int, str, int], list[float]]:
    """Published errors of single runs by (function, preset, dim)."""
    samples: dict[tuple[int, str, int], list[float]] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            key = int(row["function"]), row["preset"], int(row["dim"])
            samples.setdefault(key, []).append(float(row["error"]))
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--functions", type=int, nargs="+", default=FUNCTIONS)
    parser.add_argument("--dims", type=int, nargs="+", default=[10])
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PUBLISHED))
    parser.add_argument("--runs", type=int, default=51)
    parser.add_argument("--budget", type=int, help="evaluations, default 10000 D")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", help="CSV of published errors, one row per run")
    parser.add_argument("--out", help="CSV to write our errors to, in the same form")
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    samples = read_samples(args.samples) if args.samples else {}
    kept = []
    print("preset D F | mean sd median | published mean median | ratio p_mean p_median p_rank | s")
    for preset in args.presets:
        for dims in args.dims:
            for number in args.functions:
                begin = time.perf_counter()
                budget = args.budget or 10_000 * dims
                error = errors(number, dims, preset, args.runs, budget, args.seed)
                kept += [(number, preset, dims, value) for value in error]
                line = f"{preset} {dims} {number:2d} | {error.mean():.3g} {error.std(ddof=1):.3g}"
                line += f" {np.median(error):.3g} |"
                if dims == 10 and number in PUBLISHED.get(preset, {}):
                    theirs = PUBLISHED[preset][number]
                    p_mean, p_median = compare(error, theirs)
                    ratio = (np.median(error) + 1e-8) / (theirs[2] + 1e-8)
                    line += f" {theirs[0]:.3g} {theirs[2]:.3g} | {ratio:.2f}"
                    line += f" {p_mean:.3f} {p_median:.3f}"
                if (number, preset, dims) in samples:
                    rank = stats.mannwhitneyu(error, samples[number, preset, dims])
                    line += f" rank {rank.pvalue:.3f}"
                print(f"{line} | {time.perf_counter() - begin:.1f}", flush=True)
    if args.out:
        with open(args.out, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([("function", "preset", "dim", "error"), *kept])


if __name__ == "__main__":
    main()
