"""A study small enough to run in milliseconds, and an executor that only pretends to train."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hptjax.population import Cost, Member, Outcome
from hptjax.records.trial import TrialRecord
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.study.config import StudyConfig
from hptjax.study.data import StudyData
from hptjax.study.metric import Metric
from tests.nets import SIZE, images

SPACE = Space(
    {
        "lr": Float(0.001, 0.1, log=True, grid=(0.001, 0.01, 0.1)),
        "resnet_stride_l0": Integer(1, 3),
        "mlp_bn_l0": Categorical((False, True)),
    }
)


def model(size: int = SIZE) -> dict[str, Any]:
    """The dict form of a network for size x size x 1 images and ten classes."""
    first = {"in_channels": 1, "out_channels": 4, "kernel_size": 3, "stride": 1, "padding": 1}
    block = {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "padding": "same"}
    side = ((size - 1) // 2 + 1) // 2
    layers = [
        {"in_size": 4 * side * side, "out_size": 8, "activation_fun": "relu"},
        {"in_size": 8, "out_size": 10, "activation_fun": "logsoftmax"},
    ]
    net = {"first_conv": first, "block_list": [{**block, "stride": 2}], "pool_size": 2}
    return {
        "batch_size": 16,
        "lr": 0.003,
        "init_width": size,
        "init_length": size,
        "resnet_config": net,
        "mlp_config": {"block_list": layers},
    }


def study(space: Space = SPACE, **changes: Any) -> StudyConfig:
    """Four generations of eight, two epochs each."""
    tree = {"population_size": 8, "budget": {"generations": 4}, "epochs": 2, "seed": 1} | changes
    return StudyConfig.from_dict({"model": model(), "space": space, **tree})


def data() -> StudyData:
    return StudyData(images(64), images(32, seed=1))


class FakeExecutor:
    """Losses are a fixed function of config, trial and epoch: lowest at lr 0.01, NaN from 0.09."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def start(self, members: Sequence[Member]) -> "FakePopulation":
        self.log.append(f"start {len(members)}")
        return FakePopulation(self, tuple(members), 0)

    def restore(
        self, members: Sequence[Member], arrays: Mapping[str, np.ndarray], age: int
    ) -> "FakePopulation":
        np.testing.assert_array_equal(arrays["trial"], [member.key for member in members])
        self.log.append(f"restore {len(members)} at {age}")
        population = FakePopulation(self, tuple(members), age)
        marks = arrays.get("marks", np.zeros(len(members), int)).tolist()
        population.marks = {m.key: mark for m, mark in zip(members, marks, strict=True) if mark}
        return population

    def epoch(self, members: tuple[Member, ...], age: int) -> dict[str, np.ndarray]:
        losses = np.array([fake_loss(member, age) for member in members], np.float32)
        self.log.append(f"epoch {age} of {len(members)}")
        return self.measured(losses)

    def measured(self, losses: np.ndarray) -> dict[str, np.ndarray]:
        """The metrics of members with these losses."""
        accuracy = (1 / (1 + losses)).astype(np.float32)
        return {
            "train_loss": losses * np.float32(0.9),
            "train_accuracy": accuracy,
            "val_loss": losses,
            "val_accuracy": accuracy,
        }


class FakeRegression(FakeExecutor):
    """Of a task that has no accuracy."""

    def measured(self, losses: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "train_loss": losses * np.float32(0.9),
            "val_loss": losses,
            "val_r2": 1 - losses,
            "val_mae": losses / 2,
            "val_rmse": np.sqrt(losses),
        }


class Bumpy(FakeExecutor):
    """Losses that fall to an epoch of the member's own, and rise from there on."""

    def epoch(self, members: tuple[Member, ...], age: int) -> dict[str, np.ndarray]:
        losses = [bumpy(member, age) for member in members]
        self.log.append(f"epoch {age} of {len(members)}")
        return self.measured(np.array(losses, np.float32))


def lowest(member: Member) -> int:
    """The epoch, from 1, of a member's least loss."""
    return 1 + member.key % 7


def bumpy(member: Member, age: int) -> float:
    return fake_loss(member, 0) + 0.1 * abs(age + 1 - lowest(member))


class FakePopulation:
    """Members that only pretend to be trained."""

    def __init__(self, executor: FakeExecutor, members: tuple[Member, ...], age: int) -> None:
        self.executor, self.members, self.age = executor, members, age
        self.marks: dict[int, int] = {}

    def advance(self, epochs: int, *, seconds: float = math.inf) -> Outcome:
        if seconds <= 0:
            return Outcome({}, Cost())
        ages = range(self.age, self.age + epochs)
        done = [Outcome.of_epoch(self.executor.epoch(self.members, k), Cost()) for k in ages]
        self.age += epochs
        cost = Cost(train_s=1e-4, true_flops=4.0, padded_flops=5.0, lane_flops=6.0)
        return Outcome(Outcome.of(done).curves, cost)

    def keep(self, chosen: Sequence[int]) -> None:
        self.members = tuple(self.members[k] for k in chosen)

    def mark(self, chosen: Sequence[int]) -> None:
        self.marks |= {self.members[k].key: self.age for k in chosen}

    def weights(self, k: int, *, marked: bool = False) -> Mapping[str, Any]:
        key = self.members[k].key
        age = self.marks[key] if marked else self.age
        return {"params": {"trial": np.array([key]), "age": np.array([age])}}

    def snapshot(self) -> dict[str, np.ndarray]:
        keys = [member.key for member in self.members]
        marks = [self.marks.get(key, 0) for key in keys]
        return {"trial": np.array(keys)} | ({"marks": np.array(marks)} if any(marks) else {})


def fake_loss(member: Member, epoch: int) -> float:
    lr = member.config.lr
    if lr > 0.09:
        return float("nan")
    noise = np.random.default_rng((member.key, epoch)).uniform(0, 0.05)
    stride = member.config.resnet_config.block_list[0].stride
    return abs(np.log10(lr / 0.01)) + 0.1 * stride + noise + 1 / (epoch + 1)


class Kept:
    """A keeper that notes what it is told."""

    def __init__(self) -> None:
        self.networks: dict[tuple[str, int], Mapping[str, Any]] = {}
        self.finished: list[list[tuple[str, int]]] = []

    def keep(self, trial: TrialRecord, variables: Mapping[str, Any]) -> None:
        self.networks[trial.strategy, trial.number] = variables

    def only(self, trials: Sequence[TrialRecord]) -> None:
        wanted = [(trial.strategy, trial.number) for trial in trials]
        self.networks = {name: self.networks[name] for name in wanted}

    def finish(self, trials: Sequence[TrialRecord], metric: Metric) -> None:
        self.finished.append([(trial.strategy, trial.number) for trial in trials])
