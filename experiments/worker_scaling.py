"""Predicts the time and the idle share of a study for 1 to 1024 workers.

    python -m experiments.worker_scaling [CONFIG] [--device core|h100] [--population N] [--check]

The work of a generation is random candidates of the space, dealt as the Ray executor deals them. An
epoch takes the time of its slowest worker, and the driver's time for each worker. Measured here:
the driver's seconds per epoch and worker, with workers that do not train; the seconds of a
generation for its searcher and its logs; and for `core` the speed of a one-core worker. For `h100`
the speed comes from `LANES` in `hptjax.population.price`, fitted to one such GPU: the launches of
each body, and a network's time in its body; empty lanes are ignored. --check also trains on 1 and 2
workers, and prints the measured times beside the predicted ones.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hptjax.devices import set_up

WORKERS = tuple(2**k for k in range(11))
DRAWS = 10  # the prediction is the mean of so many generations


@dataclass(frozen=True)
class Overheads:
    """Overheads in seconds: of an epoch for its workers, of a generation, of a worker's start."""

    per_epoch: float
    per_worker: float
    per_generation: float
    start: float


def predicted(
    costs: Sequence[Sequence[float]], workers: int, launches: float, epochs: int, over: Overheads
) -> tuple[float, float]:
    """The seconds of a generation, and the idle share of the workers' time.

    costs: seconds per epoch of the members of some generations; launches: seconds of an epoch
    beyond its members', on every worker.
    """
    from hptjax.executors.ray.deal import deal

    used = min(workers, max(map(len, costs)))  # the other workers get no members
    seconds, busy = [], []
    for members in costs:
        loads = dict.fromkeys(range(used), 0.0)
        for cost, worker in zip(members, deal(members, dict.fromkeys(loads, 1.0)), strict=True):
            loads[worker] += cost
        epoch = max(loads.values()) + launches + over.per_epoch + over.per_worker * used
        seconds.append(epochs * epoch + over.per_generation)
        busy.append(epochs * sum(members))
    mean = statistics.mean(seconds)
    return mean, 1 - statistics.mean(busy) / (workers * mean)


def candidates(study, image, size: int):
    """The networks of some random generations."""
    from hptjax.transpile import Problem

    problem, rng = Problem(study.model, study.space, image), np.random.default_rng(study.seed)
    for _ in range(DRAWS):
        built = (problem.build(hparams).config for hparams in study.space.sample(size, rng))
        yield [config for config in built if config is not None]


def h100_seconds(sample, images: int) -> tuple[list[list[float]], float]:
    """The seconds of an epoch: for each network of some generations, and for the launches."""
    from hptjax.models.signature import net_shape
    from hptjax.population import make_plan
    from hptjax.population.price import LANES

    every = [config for configs in sample for config in configs]
    plan = make_plan(every, capacity=max(map(len, sample)), price=LANES)

    def seconds(config) -> float:
        index = plan.body_of(net_shape(config))
        assert index is not None, "the plan is made from all of the configs"
        return images * LANES.of_body(plan.bodies[index]) / LANES.per_second

    costs = [[seconds(config) for config in configs] for configs in sample]
    launches = sum(map(LANES.of_launches, plan.bodies))
    return costs, images * launches / LANES.per_second


@contextmanager
def crew_of(study, data, workers: int, kind: type) -> Iterator:
    """One-core workers on a Ray of this machine; returns them and the seconds to start them."""
    from hptjax.executors.ray.connect import connected
    from hptjax.executors.ray.crew import Crew

    with (
        connected(None, workers),
        Crew(study, data, workers, {"CPU": 1}, lambda text: None, kind) as crew,
    ):
        began = time.perf_counter()
        while len(crew.gather(patient=True)) < workers:
            pass
        yield crew, time.perf_counter() - began


def idle_worker() -> type:
    """The class of workers that answer at once."""
    from hptjax.executors.ray.worker import Worker
    from hptjax.population import Cost, Outcome
    from hptjax.records.metrics import LOSSES

    class Idle:
        def __init__(self, members) -> None:
            self.members = list(members)

        def start(self, members):
            return Idle(members)

        def restore(self, members, arrays, age):
            return Idle(members)

        def advance(self, epochs, *, seconds=math.inf):
            return Outcome({n: np.zeros((epochs, len(self.members))) for n in LOSSES}, Cost())

        def keep(self, chosen):
            self.members = [self.members[k] for k in chosen]

        def snapshot(self):
            return {"nothing": np.zeros((len(self.members), 1))}

    class IdleWorker(Worker):
        def make_executor(self, study, data, notify, capacity) -> Any:
            return Idle([])

    return IdleWorker


def measure_driver(study, data, configs, counts=(1, 2, 4)) -> tuple[float, float, float]:
    """The driver's seconds per epoch, per epoch and worker, and until the first worker is ready."""
    from hptjax.executors.ray.executor import RayExecutor
    from hptjax.population import Member

    members = [Member(config, k) for k, config in enumerate(configs)]
    epochs, starts = [], []
    for count in counts:
        with crew_of(study, data, count, idle_worker()) as (crew, start):
            population = RayExecutor(crew, 0).start(members)
            population.advance(1)
            times = [_timed(lambda p=population: p.advance(1)) for _ in range(50)]
            epochs.append(statistics.median(times))
            starts.append(start)
    slope, base = np.polyfit(counts, epochs, 1)
    print(f"driver, {dict(zip(counts, epochs, strict=True))} s per epoch by workers")
    return max(0.0, float(base)), max(0.0, float(slope)), starts[0]


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def train(study, data, workers: int, generations: int = 6) -> list[Mapping[str, float]]:
    """The ledgers of generations on Ray, without the first one, which compiles."""
    from hptjax.executors.ray.executor import RayExecutor
    from hptjax.executors.ray.worker import Worker
    from hptjax.search import run_study

    budget = type(study.budget).model_validate({"generations": generations})
    with crew_of(study, data, workers, Worker) as (crew, _):
        result = run_study(
            study.model_copy(update={"budget": budget}), data, executor=RayExecutor(crew, 0)
        )
    return [record.ledger for record in result.generations[1:]]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", nargs="?", default="quickstart")
    parser.add_argument("--device", choices=("core", "h100"), default="core")
    parser.add_argument("--population", type=int, help="default: the config's")
    parser.add_argument("--check", action="store_true", help="train on 1 and 2 one-core workers")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def main() -> None:
    args = parse()
    set_up(compile_cache=True, cores=1)
    from hptjax.models.signature import net_shape
    from hptjax.population.price import KERNELS
    from hptjax.study import load_study
    from hptjax.study.data import load_study_data

    study = load_study(args.config, ["strategies=random", *args.sets])
    data = load_study_data(study)
    images, own = data.train.size, study.population_size

    def priced(configs) -> list[float]:
        shapes = [net_shape(config) for config in configs]
        return [KERNELS(shape, shape) * images for shape in shapes]

    sample = list(candidates(study, data.image, own))
    base, slope, start = measure_driver(study, data, sample[0])
    runs = {n: train(study, data, n) for n in ((1, 2) if args.check else (1,))}
    spent = statistics.median(r["searcher_s"] + r["log_s"] for r in runs[1])
    trained = statistics.median(record["train_s"] for record in runs[1])
    speed = statistics.mean(sum(priced(c)) for c in sample) * study.epochs / trained
    size = args.population or own
    over = Overheads(base, slope, spent * size / own, start)
    drawn = list(candidates(study, data.image, size))
    if args.device == "core":
        costs, launches = [[w / speed for w in priced(configs)] for configs in drawn], 0.0
    else:
        costs, launches = h100_seconds(drawn, images)
    print(f"{args.device}: {size} members, {images} images, {study.epochs} epochs; {over}")
    show(costs, launches, study.epochs, over)
    if args.device == "core" and size == own:
        for count, ledgers in runs.items():
            seconds, _ = predicted(costs, count, launches, study.epochs, over)
            real = statistics.median(record["wall_s"] for record in ledgers)
            print(f"{count} workers: predicted {seconds:.2f} s, took {real:.2f} s a generation")


def show(costs, launches: float, epochs: int, over: Overheads) -> None:
    alone, _ = predicted(costs, 1, launches, epochs, over)
    print(f"{'workers':>8} {'s / generation':>15} {'times as fast':>14} {'idle':>6}")
    for workers in WORKERS:
        seconds, idle = predicted(costs, workers, launches, epochs, over)
        print(f"{workers:>8} {seconds:>15.3f} {alone / seconds:>14.1f} {idle:>6.0%}")


if __name__ == "__main__":
    main()
