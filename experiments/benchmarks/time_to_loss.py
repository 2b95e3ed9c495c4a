"""Measures the wall seconds until a search has found a network with a given validation loss.

    python -m experiments.benchmarks.time_to_loss [--seeds 0 1 2] [--cap 300] [--ways a,b]

The trial-1 space on FashionMNIST, 48 000 training and 12 000 validation images, augmented. hptjax
searches with des and tpe, with full training or with successive halving, and with the study's 29
candidates in a generation or with 9. PyTorch runs what a user would run instead: Optuna's TPE in
two worker processes of one thread, channels_last, with and without Optuna's
SuccessiveHalvingPruner. hptjax's clock starts with its process, and no program comes from a cache
(its kernels are compiled before, once per machine); PyTorch's clock starts when its workers are
ready. A run ends at the lowest given loss, or at the cap. Seeds take turns, so that other load
slows every way alike. The last line of output is one JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .common import ROOT, machine, show, trial1

WAYS = (
    *("des", "tpe", "des halving", "tpe halving", "des halving 9", "tpe halving 9"),
    *("torch", "torch pruned"),
)
EPOCHS = {"full": 3, "halving": 9}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--losses", type=float, nargs="+", default=[0.42, 0.40])
    parser.add_argument("--cap", type=float, default=300.0, help="seconds of one run")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"by comma: {', '.join(WAYS)}")
    parser.add_argument("--train-limit", type=int, help="images, for a smoke run")
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--output", type=Path, help="JSON file for all measurements")
    parser.add_argument("--one", help="one way, in this process")
    parser.add_argument("--began", type=float, help="time.time() when its process was started")
    return parser.parse_args()


def main() -> int:
    args = parse()
    if args.one:
        run = torch_search if args.one.startswith("torch") else hptjax_search
        print(json.dumps(run(args, args.one, args.seeds[0])))
        return 0
    print(machine(), flush=True)
    ways = args.ways.split(",")
    turns = [[measure(args, way, seed) for way in ways] for seed in args.seeds]
    found = {way: list(runs) for way, runs in zip(ways, zip(*turns, strict=True), strict=True)}
    columns = ["way", *(f"s to {loss}" for loss in args.losses), "reached", "best", "trials"]
    rows = [row_of(way, runs, args.losses) for way, runs in found.items()]
    show(f"Seconds to a validation loss, medians of {len(args.seeds)} seeds", columns, rows)
    if args.output:
        args.output.write_text(json.dumps({"machine": machine(), "runs": found}, indent=1) + "\n")
    print(json.dumps(found))
    return 0


def measure(args: argparse.Namespace, way: str, seed: int) -> dict[str, Any]:
    """Measures one run in its own process."""
    command = [sys.executable, "-m", __spec__.name, "--one", way, "--seeds", str(seed)]
    command += ["--cap", str(args.cap), "--losses", *map(str, args.losses), "--data", args.data]
    command += [] if args.train_limit is None else ["--train-limit", str(args.train_limit)]
    command += ["--began", repr(time.time())]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "HPTJAX_COMPILE_CACHE": "0"}
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    print(f"{way}, seed {seed}: {result}", flush=True)
    return result


def row_of(way: str, runs: Sequence[dict[str, Any]], losses: Sequence[float]) -> list[Any]:
    """A row of medians; a run that never reached the loss counts as infinitely long."""
    times = [[run["seconds"].get(str(loss), float("inf")) for run in runs] for loss in losses]
    reached = "/".join(str(sum(t < float("inf") for t in column)) for column in times)
    best = statistics.median(run["best"] for run in runs)
    trials = statistics.median(run["trials"] for run in runs)
    return [way, *(statistics.median(column) for column in times), reached, best, trials]


class Reached(Exception):
    """Raised when the lowest given loss was found, or the time is over."""


class Clock:
    """Records when each loss is first reached."""

    def __init__(self, losses: Sequence[float], cap: float, began: float) -> None:
        self.losses, self.cap, self.began = losses, cap, began
        self.seconds: dict[str, float] = {}
        self.best = float("inf")

    def see(self, loss: float) -> None:
        now = time.time() - self.began
        self.best = min(self.best, loss)
        for wanted in self.losses:
            if loss <= wanted and now <= self.cap:
                self.seconds.setdefault(str(wanted), now)
        if self.best <= min(self.losses) or now > self.cap:
            raise Reached

    def result(self, trials: int) -> dict[str, Any]:
        return {"seconds": self.seconds, "best": self.best, "trials": trials}


def hptjax_search(args: argparse.Namespace, way: str, seed: int) -> dict[str, Any]:
    from hptjax.devices import set_up

    set_up(compile_cache=False)
    import numpy as np

    from hptjax.search import run_study
    from hptjax.study.sink import Sink

    clock, trials = Clock(args.losses, args.cap, args.began), 0

    class Watch(Sink):
        def epoch(self, strategy, epoch, metrics):
            clock.see(float(np.nanmin(metrics["val_loss"])))

        def generation(self, record, *, replayed):
            nonlocal trials
            trials += len(record.trials)

    strategy, *options = way.split()
    study = trial1(
        [
            f"strategies=[{strategy}]",
            *(f"population_size={size}" for size in options if size.isdigit()),
            f"seed={seed}",
            f"data.source={args.data}",
            f"data.train_limit={args.train_limit or 'null'}",
            f"budget={{seconds: {args.cap}}}",
            "schedule=" + ("halving" if "halving" in options else "full"),
            f"epochs={EPOCHS['halving' if 'halving' in options else 'full']}",
        ]
    )
    try:
        run_study(study, sinks=[Watch()])
    except Reached:
        trials += study.population_size  # trials of the present generation
    return clock.result(trials)


def torch_search(args: argparse.Namespace, way: str, seed: int) -> dict[str, Any]:
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    barrier, queue, stop = context.Barrier(3), context.Queue(), context.Event()
    with tempfile.TemporaryDirectory() as folder:
        options = (args, "pruned" in way, seed, f"{folder}/journal", barrier, queue, stop)
        workers = [context.Process(target=torch_worker, args=(k, *options)) for k in range(2)]
        for worker in workers:
            worker.start()
        barrier.wait(120)
        clock, trials = Clock(args.losses, args.cap, time.time()), 0
        try:
            while True:
                loss = queue.get(timeout=args.cap)
                trials += loss is None
                clock.see(float("inf") if loss is None else loss)
        except Reached:
            stop.set()
        for worker in workers:
            worker.join()
    return clock.result(trials)


def torch_worker(number, args, pruned, seed, path, barrier, queue, stop) -> None:
    """Searches until it is stopped; reports the loss of every epoch, and None after a trial."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from hptjax.config.geometry import ImageSpec
    from hptjax.strategies.optuna import distribution
    from hptjax.study.data import load_study_data
    from hptjax.transpile import Problem

    from .peers.torch_model import TorchClassifier, as_tensors, make_optimizer, torch, train_step
    from .torch_accuracy import augment, evaluate

    torch.set_num_threads(1)
    torch.manual_seed(1000 * seed + number)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    limit = args.train_limit or "null"
    study = trial1([f"seed={seed}", f"data.source={args.data}", f"data.train_limit={limit}"])
    data = load_study_data(study)
    problem = Problem(study.model, study.space, ImageSpec(28, 28, 1, 10))
    distributions = {name: distribution(entry) for name, entry in study.space.items()}
    x, y = as_tensors(data.train.images, data.train.labels)
    held = as_tensors(data.validation.images, data.validation.labels)
    epochs = EPOCHS["halving" if pruned else "full"]

    def objective(trial) -> float:
        member = problem.build(trial.params).config.to_dict()
        model = TorchClassifier(member).to(memory_format=torch.channels_last)
        optimizer, size = make_optimizer(model, member, fused=True), member["batch_size"]
        loss = float("inf")
        for epoch in range(epochs):
            model.train()
            images = augment(x).contiguous(memory_format=torch.channels_last)
            for batch in torch.randperm(len(x))[: len(x) // size * size].split(size):
                if stop.is_set():
                    raise optuna.TrialPruned
                train_step(model, optimizer, images[batch], y[batch])
            loss = evaluate(model, *held)[0]
            queue.put(loss)
            trial.report(loss, epoch + 1)
            if pruned and trial.should_prune():
                raise optuna.TrialPruned
        return loss

    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    searcher = optuna.create_study(
        study_name="search",
        storage=JournalStorage(JournalFileBackend(path)),
        sampler=optuna.samplers.TPESampler(seed=1000 * seed + number, constant_liar=True),
        pruner=pruner if pruned else optuna.pruners.NopPruner(),
        load_if_exists=True,
    )
    barrier.wait(120)
    while not stop.is_set():
        trial = searcher.ask(distributions)
        try:
            searcher.tell(trial, objective(trial))
        except optuna.TrialPruned:
            searcher.tell(trial, state=optuna.trial.TrialState.PRUNED)
        queue.put(None)


if __name__ == "__main__":
    sys.exit(main())
