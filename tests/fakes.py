"""A study small enough to run in milliseconds, and a trainer that only pretends to train."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.config.study import StudyConfig
from hptjax.population import Member
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.study.data import StudyData
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
    settings = {"population_size": 8, "generations": 4, "epochs": 2, "seed": 1} | changes
    return StudyConfig(model=ModelConfig.from_dict(model()), space=space, **settings)


def data() -> StudyData:
    return StudyData(images(64), images(32, seed=1))


class FakePlan:
    """Covers strides up to a limit only."""

    def __init__(self, configs: Sequence[ModelConfig]) -> None:
        self.strides = {config.resnet_config.block_list[0].stride for config in configs}

    def covers(self, config: ModelConfig) -> bool:
        return config.resnet_config.block_list[0].stride in self.strides

    def waste(self, configs: Sequence[ModelConfig]) -> float:
        return 1.25


class FakeTrainer:
    """Losses are a fixed function of config, trial and epoch: lowest at lr 0.01, NaN from 0.09."""

    def __init__(self, configs: Sequence[ModelConfig], log: list[str] | None = None) -> None:
        self.plan = FakePlan(configs)
        self.compilations, self.compile_seconds = 0, 0.0
        self.log = [] if log is None else log

    def start(self, members: Sequence[Member]) -> tuple[Member, ...]:
        assert all(self.plan.covers(member.config) for member in members)
        self.log.append(f"start {len(members)}")
        return tuple(members)

    def epoch(
        self, state: tuple[Member, ...], epoch: int
    ) -> tuple[tuple[Member, ...], dict[str, np.ndarray]]:
        self.compilations = 1
        losses = np.array([fake_loss(member, epoch) for member in state], np.float32)
        accuracy = (1 / (1 + losses)).astype(np.float32)
        return state, {
            "train_loss": losses * np.float32(0.9),
            "train_accuracy": accuracy,
            "val_loss": losses,
            "val_accuracy": accuracy,
        }

    def variables(self, state: tuple[Member, ...], k: int) -> Mapping[str, Any]:
        return {"params": {"trial": np.array([state[k].trial])}}


def fake_loss(member: Member, epoch: int) -> float:
    lr = member.config.lr
    if lr > 0.09:
        return float("nan")
    noise = np.random.default_rng((member.trial, epoch)).uniform(0, 0.05)
    stride = member.config.resnet_config.block_list[0].stride
    return abs(np.log10(lr / 0.01)) + 0.1 * stride + noise + 1 / (epoch + 1)
