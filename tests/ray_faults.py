"""Workers that break down on demand; for test_study_ray.

A file in the folder that HPTJAX_TEST_FAULTS names is a fault to come: `kill@2` kills the worker
that takes it, when it trains members of age 2. Each is taken once; `poison` stays.
"""

import math
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from hptjax.executors.base import Resident
from hptjax.executors.ray.worker import PlannedExecutor, Worker
from hptjax.population import Member, Outcome

VARIABLE = "HPTJAX_TEST_FAULTS"


def fault(name: str, text: str = "") -> None:
    (Path(os.environ[VARIABLE]) / name).write_text(text)


def faults_left() -> list[str]:
    return sorted(path.name for path in Path(os.environ[VARIABLE]).iterdir())


class FaultyWorker(Worker):
    def make_executor(self, study: Any, data: Any, notify: Any, capacity: int) -> PlannedExecutor:
        return FaultyExecutor(super().make_executor(study, data, notify, capacity))


class FaultyExecutor:
    def __init__(self, live: PlannedExecutor) -> None:
        self.live, self.plan = live, live.plan

    def start(self, members: Sequence[Member]) -> Resident:
        return FaultyPopulation(self.live.start(members), members, 0)

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> Resident:
        return FaultyPopulation(self.live.restore(members, arrays, age), members, age)


class FaultyPopulation:
    def __init__(self, live: Resident, members: Sequence[Member], age: int) -> None:
        self.live, self.members, self.age = live, list(members), age

    def advance(self, epochs: int, *, seconds: float = math.inf) -> Outcome:
        for _ in range(epochs):
            self.break_down()
            self.age += 1
        return self.live.advance(epochs, seconds=seconds)

    def break_down(self) -> None:
        folder = Path(os.environ[VARIABLE])
        if taken(folder / f"kill@{self.age}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if taken(folder / f"hang@{self.age}"):
            os.kill(os.getpid(), signal.SIGSTOP)
        if taken(folder / f"device@{self.age}"):
            raise jax.errors.JaxRuntimeError("INTERNAL: the device is lost")
        if taken(folder / f"bug@{self.age}"):
            raise KeyError("a bug")
        poison = folder / "poison"
        if poison.exists() and int(poison.read_text()) in [m.key for m in self.members]:
            os.kill(os.getpid(), signal.SIGKILL)

    def keep(self, chosen: Sequence[int]) -> None:
        self.live.keep(chosen)
        self.members = [self.members[k] for k in chosen]

    def mark(self, chosen: Sequence[int]) -> None:
        self.live.mark(chosen)

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        return self.live.weights(k, marked=marked)

    def snapshot(self) -> Mapping[str, np.ndarray]:
        return self.live.snapshot()


def taken(path: Path) -> bool:
    """Whether this process, and no other, has it now."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
