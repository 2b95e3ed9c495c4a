"""A search with Optuna's TPE over trainings in PyTorch, on two cores in one of two forms.

processes: two workers of one thread each, on one study in a journal file. threads: one worker whose
operations have two threads. The first is faster for networks this small, as a rule.
"""

import importlib
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
import torch  # pyright: ignore[reportMissingImports]
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from torch import nn  # pyright: ignore[reportMissingImports]

from .table import LAYOUTS, WORKERS
from .training import Candidate, Data, Split, accuracy_of, train, warm_up

FORMATS: dict[str, torch.memory_format] = dict(
    zip(LAYOUTS, (torch.channels_last, torch.contiguous_format), strict=True)
)
SETTLED_S = 300  # within which all workers must stand ready
STUDY = "search"


@dataclass(frozen=True)
class Job:
    """What to search; arrays: a file of `experiments.spaces.arrays`."""

    name: str
    arrays: str
    trials: int
    epochs: int
    seed: int
    form: str
    layout: str

    @property
    def threads(self) -> int:
        """Of each worker."""
        return 2 // WORKERS[self.form]


class Best:
    """The best network so far of one worker."""

    def __init__(self) -> None:
        self.value = -1.0
        self.model: nn.Module | None = None

    def see(self, value: float, candidate: Candidate) -> None:
        if value > self.value:
            self.value, self.model = value, candidate.model

    def accuracy_on(self, split: Split | None) -> float | None:
        if self.model is None or split is None:
            return None
        return accuracy_of(self.model, split)


def search(job: Job) -> dict[str, Any]:
    """Runs a search; its seconds run from when all workers stand ready to the last trial's end.

    Returns search_s, test_s (what the test took afterwards), trials, best (validation accuracy) and
    test (accuracy of that network, None without a test set).
    """
    context = multiprocessing.get_context("spawn")
    workers = WORKERS[job.form]
    barrier, answers = context.Barrier(workers + 1), context.Queue()
    started = context.Value("i", 0)
    with tempfile.TemporaryDirectory() as folder:
        shared = (job, f"{folder}/journal", started, barrier, answers)
        processes = [context.Process(target=work, args=(k, *shared)) for k in range(workers)]
        for process in processes:
            process.start()
        barrier.wait(SETTLED_S)
        began = time.perf_counter()
        barrier.wait()
        ended = time.perf_counter()
        found = [answers.get() for _ in processes]
        tested = time.perf_counter() - ended
        for process in processes:
            process.join()
    best, test = max(((value, test) for value, test, _ in found), key=lambda pair: pair[0])
    trials = sum(count for *_, count in found)
    seconds = {"search_s": ended - began, "test_s": tested}
    return {**seconds, "trials": trials, "best": best, "test": test}


def work(number: int, job: Job, journal: str, started: Any, barrier: Any, answers: Any) -> None:
    """One worker: as many trials as are left."""
    torch.set_num_threads(job.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1000 * job.seed + number)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    data, best = Data.read(job.arrays).laid_out(FORMATS[job.layout]), Best()
    candidate = importlib.import_module(f".nets.{job.name}", __package__).candidate

    def objective(trial: optuna.Trial) -> float:
        own = candidate(trial, data)
        own.model.to(memory_format=FORMATS[job.layout])
        value = train(own, data, job.epochs)
        best.see(value, own)
        return value

    warm_up()
    barrier.wait(SETTLED_S)  # the clock starts
    try:
        trials = run_trials(_study(number, job, journal), objective, job.trials, started)
    except BaseException:
        barrier.abort()  # the others would wait for ever
        raise
    barrier.wait()  # and ends
    answers.put((best.value, best.accuracy_on(data.test), trials))


def run_trials(
    study: optuna.Study, objective: Callable[[optuna.Trial], float], trials: int, started: Any
) -> int:
    """Trials of this worker until all workers together have started so many; returns its own."""
    own = 0
    while True:
        with started.get_lock():
            if started.value >= trials:
                return own
            started.value += 1
        study.optimize(objective, n_trials=1)
        own += 1


def _study(number: int, job: Job, journal: str) -> optuna.Study:
    shared = WORKERS[job.form] > 1
    return optuna.create_study(
        study_name=STUDY,
        storage=JournalStorage(JournalFileBackend(journal)) if shared else InMemoryStorage(),
        sampler=optuna.samplers.TPESampler(seed=1000 * job.seed + number, constant_liar=shared),
        direction="maximize",
        load_if_exists=True,
    )
