"""Checks the promise on any device: each network is trained as if it were alone.

    python -m experiments.benchmarks.exactness [--kinds bands,linear]

For each kind of layer eight networks, four of each of two sizes, are trained for an epoch of three
steps of SGD with `highest` products. They are trained in three ways: a narrow one alone, in its own
body; all in a body as wide as the widest, one after another; and all eight side by side. The first
column says how far the weights moved, for comparison with the differences. Another process trains
the same networks on CPUs. Each row is a JSON line with its figures and whether all of them hold;
the last line counts the rows that do not, which is also the exit code.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from hptjax.models.weights import FlatLayout, laid_out, layouts
from hptjax.population import Member, PopulationTrainer, make_plan
from hptjax.population.trainer import PopulationState
from tests.nets import images

from .common import ROOT, show
from .exact_kinds import KINDS

TOLERANCE = 1e-5  # absolute, of weights and statistics, as in the tests after an epoch
MEMBERS = 8
TRAIN, VALIDATION = images(48), images(40, seed=1)
WILD = 1e38  # a learning rate at which a network diverges at once
HOLDS = ("padded", "lanes", "dead", "wild", "cpu")
COLUMNS = {
    "moved": "weights moved",
    "padded": "padded - narrow",
    "lanes": "lanes 8 - lanes 1",
    "dead": "dead numbers not 0",
    "wild": f"numbers that lr {WILD:g} changed",
    "cpu": "device - CPU",
    "same_bits": "lanes 8 = lanes 1, bits",
}
Arrays = dict[str, np.ndarray]


NARROW, WIDE = 3, 7
WAYS = {"alone": (1, 1), "loop": (MEMBERS, 1), "side": (MEMBERS, MEMBERS)}  # members, lanes


def members_of(kind: str) -> list[Member]:
    """Eight members that differ in width and learning rate."""
    found = []
    for k in range(MEMBERS):
        own = KINDS[kind](WIDE if k % 2 else NARROW)
        found.append(Member(own.model_copy(update={"lr": own.lr * (1 - k / 16)}), 20 + k))
    return found


class Trained:
    """Some members after one epoch of one program."""

    def __init__(self, members: Sequence[Member], *, lanes: int) -> None:
        plan = make_plan([member.config for member in members], capacity=MEMBERS, max_bodies=1)
        device = jax.local_devices()[:1]
        self.trainer = PopulationTrainer(
            plan, TRAIN, VALIDATION, seed=3, horizon=1, devices=device, lanes=lanes
        )
        begun = self.trainer.start(members)
        self.before = self.trainer.snapshot(begun)  # its arrays have been donated
        self.state, self.metrics = self.trainer.epoch(begun)

    def epoch(self, members: Sequence[Member]) -> tuple[PopulationState, Arrays]:
        return self.trainer.epoch(self.trainer.start(members))

    def arrays(self) -> Arrays:
        """The arrays of each member at its exact shape after training, by rows."""
        return self.trainer.snapshot(self.state)

    def dead(self) -> int:
        """How many numbers in the padding, and behind the end of a vector, are not zero."""
        count, placement = 0, self.state.placement
        held = jax.device_get(self.state.arrays[0])
        for k, member in enumerate(self.state.members):
            body, row = self.trainer.plan.bodies[placement.bodies[k]], placement.rows[k]
            weights, statistics = zip(layouts(body), layouts(member.shape), strict=True)
            vectors = [(held.params, *weights), (held.stats, *statistics)]
            vectors += [(s, *weights) for s in held.slots if np.shape(s)[1:] == (weights[0].size,)]
            count += sum(_dead(whole[row], *pair) for whole, *pair in vectors)
        return count

    def changed_by_a_wild_one(self) -> int:
        """How many numbers of the other members change if the last one diverges."""
        *others, last = self.state.members
        config = last.config.model_copy(update={"lr": WILD})
        state, metrics = self.epoch([*others, replace(last, config=config)])
        if np.isfinite(metrics["train_loss"][-1]):
            raise AssertionError(f"a network with lr {WILD:g} did not diverge")
        arrays = self.trainer.snapshot(state)
        return _different(metrics, self.metrics) + _different(arrays, self.arrays())


def _dead(vector: np.ndarray, padded: FlatLayout, true: FlatLayout) -> int:
    own = vector[: padded.size]
    live = laid_out(laid_out(own, padded, true), true, padded)
    return int(np.count_nonzero(own - live) + np.count_nonzero(vector[padded.size :]))


def highest() -> AbstractContextManager[Any]:
    """Makes products float32 in this thread."""
    return jax.default_matmul_precision("highest")


def trained(kind: str, way: str) -> Trained:
    """Networks of a kind, trained in one of WAYS."""
    count, lanes = WAYS[way]
    with highest():
        return Trained(members_of(kind)[:count], lanes=lanes)


def figures(kind: str, ran: Mapping[str, Trained], cpu: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The figures of a kind; ran: {way: its results}; cpu: the result of `reference`."""
    narrow = _row(ran["alone"].arrays(), 0)
    loop, lanes = ran["loop"].arrays(), ran["side"].arrays()
    with highest():
        changed = [ran[way].changed_by_a_wild_one() for way in ("loop", "side")]
    found: dict[str, Any] = {
        "kind": kind,
        "moved": _apart(_vectors(loop), _vectors(ran["loop"].before)),
        "padded": _apart(_row(loop, 0), narrow),
        "lanes": _apart(lanes, loop),
        "dead": ran["loop"].dead() + ran["side"].dead(),
        "wild": sum(changed),
        "cpu": _apart(narrow, _named(cpu, f"{kind}/")),
        "same_bits": all(np.array_equal(lanes[name], loop[name]) for name in loop),
    }
    limits = {"dead": 0, "wild": 0}
    found["holds"] = all(found[name] <= limits.get(name, TOLERANCE) for name in HOLDS)
    return found


def _row_of(
    pool: Executor, kind: str, ran: Mapping[str, Future[Trained]], cpu: Future[Arrays]
) -> dict[str, Any]:
    """The figures of a kind, or its error, so that the other kinds go on."""
    error = next((e for e in (job.exception() for job in (*ran.values(), cpu)) if e), None)
    if error is None:
        done = {way: job.result() for way, job in ran.items()}
        job = pool.submit(figures, kind, done, cpu.result())
        error = job.exception()
        if error is None:
            return job.result()
    print(f"{kind}: {type(error).__name__}: {error}", file=sys.stderr)
    return {"kind": kind, "holds": False, "error": str(error)}


def _different(some: Arrays, others: Arrays) -> int:
    """How many numbers differ in all rows except the last."""
    return sum(int(np.count_nonzero(a[:-1] != others[name][:-1])) for name, a in some.items())


def _vectors(arrays: Arrays) -> Arrays:
    """The weights only."""
    return {name: values for name, values in arrays.items() if name.endswith("params")}


def _row(arrays: Arrays, k: int) -> Arrays:
    return {name: values[k] for name, values in arrays.items()}


def _named(arrays: Mapping[str, np.ndarray], start: str) -> Arrays:
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


def _apart(some: Arrays, others: Arrays) -> float:
    """The largest difference; a vector with more padding is cut to the shorter one."""
    assert some.keys() == others.keys(), (some.keys(), others.keys())
    worst = 0.0
    for name, values in some.items():
        size = min(values.shape[-1:] or (0,), others[name].shape[-1:] or (0,))
        cut = (..., slice(*size)) if size != (0,) else ...
        apart = np.abs(np.float64(values[cut]) - np.float64(others[name][cut]))
        own = float(apart.max(initial=0.0))
        worst = max(worst, own if np.isfinite(own) else float("inf"))
    return worst


def reference(kinds: Sequence[str], path: Path, jobs: int) -> None:
    """Writes the trained narrow networks of this process's device: {kind/name: array}."""
    with ThreadPoolExecutor(jobs) as pool:
        ran = pool.map(partial(trained, way="alone"), kinds)
    found = {
        f"{kind}/{name}": values
        for kind, own in zip(kinds, ran, strict=True)
        for name, values in _row(own.arrays(), 0).items()
    }
    np.savez(path, allow_pickle=False, **found)


def on_cpus(options: Sequence[str], path: Path) -> Arrays:
    """The reference from a process with CPUs only."""
    command = [sys.executable, "-m", __spec__.name, *options, "--reference", str(path)]
    env = {**os.environ, "JAX_PLATFORMS": "cpu"}
    subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, check=True)
    return dict(np.load(path))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default=",".join(KINDS), help="by comma")
    parser.add_argument("--jobs", type=int, default=12, help="programs compiled at once")
    parser.add_argument(
        "--reference", type=Path, help="write the arrays for the check on CPUs, and end"
    )
    args = parser.parse_args(argv)
    kinds = args.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"unknown kinds {sorted(unknown)}; known are {', '.join(KINDS)}")
    if args.reference:
        reference(kinds, args.reference, args.jobs)
        return 0
    found: list[dict[str, Any]] = []
    options = ["--kinds", args.kinds, "--jobs", str(args.jobs)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs + 1) as pool:
        cpu = pool.submit(on_cpus, options, Path(folder) / "cpu.npz")
        runs = {kind: {way: pool.submit(trained, kind, way) for way in WAYS} for kind in kinds}
        for kind, ran in runs.items():
            own = _row_of(pool, kind, ran, cpu)
            found.append(own)
            print(json.dumps(own), flush=True)
    rows = [[own["kind"], *map(own.get, COLUMNS), own["holds"]] for own in found]
    device = jax.local_devices()[0].device_kind
    title = f"Exactness on {device}, largest differences, at most {TOLERANCE:g}"
    show(title, ["kind", *COLUMNS.values(), "holds"], rows)
    broken = sum(not own["holds"] for own in found)
    print(json.dumps({"broken": broken, "kinds": len(found), "tolerance": TOLERANCE}))
    return broken


if __name__ == "__main__":
    sys.exit(main())
