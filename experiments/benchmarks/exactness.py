"""The promise, on whatever device there is: each network is trained as if it were alone.

    python -m experiments.benchmarks.exactness [--kinds bands,linear]

For each kind of layer eight networks, four of either of two sizes, take an epoch of three steps of
SGD with `highest` products: each size alone in a body of its own; all of them in a body as wide as
the widest, one after another; and eight side by side. The first column says how far the weights
moved, beside which the differences are to be seen. A process of its own trains the same on CPUs.
Each row is a JSON line with its figures and whether all of them hold; the last one counts the rows
that do not, which is also the exit code.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from hptjax.config.model import Model
from hptjax.models.weights import FlatLayout, laid_out, layouts
from hptjax.population import Member, PopulationTrainer, make_plan
from hptjax.population.trainer import PopulationState
from tests.nets import SIZE, config, images

from .common import ROOT, show

TOLERANCE = 1e-5  # of weights and statistics, absolute, as the tests have it after an epoch
MEMBERS = 8
TRAIN, VALIDATION = images(48), images(40, seed=1)
HEAVY = {"sgd": {"momentum": 0.9, "nesterov": True}}
WILD = 1e30  # a learning rate with which a network diverges at once
HOLDS = ("padded", "lanes", "dead", "wild", "cpu")
COLUMNS = {
    "moved": "weights moved",
    "padded": "padded - narrow",
    "lanes": "lanes 8 - lanes 1",
    "dead": "dead numbers not 0",
    "wild": "numbers that lr 1e30 changed",
    "cpu": "device - CPU",
    "same_bits": "lanes 8 = lanes 1, bits",
}
Arrays = dict[str, np.ndarray]


def network(*layers: Any) -> Model:
    tree = {"layers": [*layers, "head"], "optimizer": HEAVY, "lr": 0.05, "batch_size": 16}
    return Model.from_dict({**tree, "input": [SIZE, SIZE, 1], "outputs": 10})


def bands(width: int) -> Any:
    """Convolutions of kernels and strides of all kinds, which bands compute."""
    conv = {"out_channels": width, "activation": "relu"}
    return network(
        {"conv": {**conv, "kernel_size": 3}},
        {"conv": {**conv, "kernel_size": 5, "stride": 2}},
        {"conv": {**conv, "kernel_size": [2, 3], "dilation": 2, "activation": "tanh"}},
        {"conv": {**conv, "kernel_size": 3, "stride": 3}},
        "flatten",
    )


def norms(width: int) -> Any:
    conv = {"out_channels": width, "activation": "relu"}
    linear = {"out_features": width, "norm": "batch", "activation": "gelu"}
    return network(
        {"conv": {**conv, "norm": "batch"}},
        {"conv": {**conv, "norm": "layer", "stride": 2}},
        "flatten",
        {"linear": linear},
    )


def group_norm(width: int) -> Any:
    conv = {"out_channels": 2 * width, "norm": {"group": 2}, "activation": "gelu"}
    return network({"conv": conv}, {"conv": {**conv, "stride": 2}}, "global_avg_pool")


def depthwise(width: int) -> Any:
    return network(
        {"conv": {"out_channels": width, "kernel_size": 1, "activation": "tanh"}},
        {"depthwise": {"kernel_size": 5, "norm": "batch", "activation": "relu"}},
        {"separable": {"out_channels": width, "stride": 2, "activation": "silu"}},
        "global_avg_pool",
    )


def pools(width: int) -> Any:
    conv = {"conv": {"out_channels": width, "activation": "softplus"}}
    return network(conv, {"max_pool": 2}, conv, {"avg_pool": 2}, conv, "global_avg_pool")


def linear(width: int) -> Any:
    layer = {"out_features": 2 * width, "activation": "elu", "dropout": 0.3}
    return network("flatten", {"linear": layer}, {"linear": {**layer, "activation": "sigmoid"}})


def original(width: int) -> Any:
    """The original study's network: two residual blocks and an MLP."""
    own = config(channels=(width, width + 1), units=width + 5, dropout=0.2)
    return own.model_copy(update={"optimizer": HEAVY, "lr": 0.02})


def deep(width: int) -> Any:
    """A list of layers with blocks, norms, dropout of whole maps and a head."""
    stem = {"out_channels": 2 * width, "norm": {"group": 2}, "activation": "gelu"}
    block = {"label": "stage", "depth": 2, "out_channels": width, "stride": [2, 1]}
    maps = {"rate": 0.2, "maps": True}
    return network({"conv": stem}, {"residual": block}, {"dropout": maps}, "global_avg_pool")


KINDS = {
    "bands": bands,
    "norms": norms,
    "group norm": group_norm,
    "depthwise": depthwise,
    "pools": pools,
    "linear": linear,
    "the original's": original,
    "layers": deep,
}
NARROW, WIDE = 3, 7


def members_of(kind: str) -> list[Member]:
    """Eight that differ in width and in learning rate."""
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
        self.before = self.trainer.snapshot(begun)  # its arrays are used up
        self.state, self.metrics = self.trainer.epoch(begun)

    def epoch(self, members: Sequence[Member]) -> tuple[PopulationState, Arrays]:
        return self.trainer.epoch(self.trainer.start(members))

    def arrays(self) -> Arrays:
        """All that training changed, of each member at its exact shape, by rows."""
        return self.trainer.snapshot(self.state)

    def dead(self) -> int:
        """How many numbers are not zero in the padding, and behind the end of a vector."""
        count, placement = 0, self.state.placement
        held = jax.device_get(self.state.arrays[0])
        for k, member in enumerate(self.state.members):
            body, row = self.trainer.plan.bodies[placement.bodies[k]], placement.rows[k]
            weights, statistics = zip(layouts(body), layouts(member.shape), strict=True)
            vectors = [(held.params, *weights), (held.stats, *statistics)]
            vectors += [(s, *weights) for s in held.slots if np.shape(s)[1:] == (weights[0].size,)]
            count += sum(_dead(whole[row], *pair) for whole, *pair in vectors)
        return count


def _dead(vector: np.ndarray, padded: FlatLayout, true: FlatLayout) -> int:
    own = vector[: padded.size]
    live = laid_out(laid_out(own, padded, true), true, padded)
    return int(np.count_nonzero(own - live) + np.count_nonzero(vector[padded.size :]))


def alone(kind: str) -> tuple[dict[int, Arrays], list[Member]]:
    """The first of either size in a body of its own: {its place: arrays}."""
    members = members_of(kind)
    return {k: Trained([members[k]], lanes=1).arrays() for k in (0, 1)}, members


def figures(kind: str, cpu: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """The figures of a kind; cpu: what `reference` gives."""
    with jax.default_matmul_precision("highest"):
        own, members = alone(kind)
        one, side = (Trained(members, lanes=lanes) for lanes in (1, MEMBERS))
        loop, lanes = one.arrays(), side.arrays()
        wild = [*members[:-1], _wild(members[-1])]
        changed = sum(_changed(ran, ran.epoch(wild)[1]) for ran in (one, side))
    found: dict[str, Any] = {
        "kind": kind,
        "moved": _apart(_vectors(loop), _vectors(one.before)),
        "padded": max(_apart(_row(loop, k), _row(narrow, 0)) for k, narrow in own.items()),
        "lanes": _apart(lanes, loop),
        "dead": one.dead() + side.dead(),
        "wild": changed,
        "cpu": max(
            _apart(_row(narrow, 0), _named(cpu(), f"{kind}/{k}/")) for k, narrow in own.items()
        ),
        "same_bits": all(np.array_equal(lanes[name], loop[name]) for name in loop),
    }
    limits = {"dead": 0, "wild": 0}
    found["holds"] = all(found[name] <= limits.get(name, TOLERANCE) for name in HOLDS)
    return found


def failed(kind: str, error: BaseException) -> dict[str, Any]:
    """The row of a kind that did not come to its figures; the others do."""
    print(f"{kind}: {type(error).__name__}: {error}", file=sys.stderr)
    return {"kind": kind, "holds": False, "error": str(error)}


def _wild(member: Member) -> Member:
    return replace(member, config=member.config.model_copy(update={"lr": WILD}))


def _changed(ran: Trained, others: Arrays) -> int:
    """Figures of the other members that differ; the last one's own must have diverged."""
    if np.isfinite(others["train_loss"][-1]):
        raise AssertionError(f"a network with lr {WILD:g} did not diverge")
    return sum(
        int(np.count_nonzero(values[:-1] != ran.metrics[name][:-1]))
        for name, values in others.items()
    )


def _vectors(arrays: Arrays) -> Arrays:
    """The weights alone."""
    return {name: values for name, values in arrays.items() if name.endswith("params")}


def _row(arrays: Arrays, k: int) -> Arrays:
    return {name: values[k] for name, values in arrays.items()}


def _named(arrays: Mapping[str, np.ndarray], start: str) -> Arrays:
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


def _apart(some: Arrays, others: Arrays) -> float:
    """The largest difference; a vector that is filled up further is as long as the shorter."""
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
    """Writes what networks alone come to on this process's device: {kind/place/name: array}."""

    def one(kind: str) -> Arrays:
        with jax.default_matmul_precision("highest"):
            own, _ = alone(kind)
        return {
            f"{kind}/{k}/{name}": values[0]
            for k, arrays in own.items()
            for name, values in arrays.items()
        }

    with ThreadPoolExecutor(jobs) as pool:
        found = {name: a for part in pool.map(one, kinds) for name, a in part.items()}
    np.savez(path, allow_pickle=False, **found)


def on_cpus(options: Sequence[str], path: Path) -> Arrays:
    """The reference, by a process that has no other device."""
    command = [sys.executable, "-m", __spec__.name, *options, "--reference", str(path)]
    env = {**os.environ, "JAX_PLATFORMS": "cpu"}
    subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, check=True)
    return dict(np.load(path))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=",".join(KINDS), help="by comma")
    parser.add_argument("--jobs", type=int, default=8, help="programs compiled at once")
    parser.add_argument("--reference", type=Path, help="write what the CPU's check needs, and end")
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
        jobs = {pool.submit(figures, kind, cpu.result): kind for kind in kinds}
        for done in as_completed(jobs):
            error = done.exception()
            found.append(failed(jobs[done], error) if error else done.result())
            print(json.dumps(found[-1]), flush=True)
    rows = [[own["kind"], *map(own.get, COLUMNS), own["holds"]] for own in found]
    device = jax.local_devices()[0].device_kind
    title = f"Exactness on {device}, largest differences, at most {TOLERANCE:g}"
    show(title, ["kind", *COLUMNS.values(), "holds"], rows)
    broken = sum(not own["holds"] for own in found)
    print(json.dumps({"broken": broken, "kinds": len(found), "tolerance": TOLERANCE}))
    return broken


if __name__ == "__main__":
    sys.exit(main())
