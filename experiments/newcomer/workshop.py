"""What items share: images, configs, one run of the command line and one of Python."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import hptjax
from experiments.newcomer.base import Shell
from hptjax import layers as L

NAMES = ("cat", "dog", "fox", "hen")

NETWORK = """\
model:
  layers:
    - conv: {label: stem, out_channels: {int: [4, 8]}, kernel_size: 3, stride: 2, activation: relu}
    - global_avg_pool
    - head
  lr: {float: [1e-3, 1e-1], log: true}
  batch_size: 16
data: {source: "npz:full.npz"}
strategies: [random, tpe]
population_size: 2
budget: {generations: 1}
epochs: 2
"""

ORIGINAL = """\
model:
  weight_decay: 0.0001
  batch_size: 16
  beta_1: 0.9
  beta_2: 0.999
  lr: 1.0e-3
  init_width: 32
  init_length: 32
  resnet_config:
    first_conv: {in_channels: 3, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
    block_list:
      - {in_channels: 8, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
    pool_size: 2
  mlp_config:
    block_list:
      - {in_size: 128, out_size: 4, activation_fun: logsoftmax, batch_norm: false, dropout: 0.0}
  img_key: 0
  class_key: 1
"""


def images(count: int, size: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bytes [count, size, size, 3] with a bright bar, whose place is the class [count]."""
    classes = np.arange(count) % len(NAMES)
    made = np.random.default_rng(seed).integers(0, 60, (count, size, size, 3))
    wide = size // len(NAMES)
    for image, k in zip(made, classes, strict=True):
        image[k * wide : (k + 1) * wide, :, k % 3] += 150
    return made.astype(np.uint8), classes


def named(classes: np.ndarray) -> np.ndarray:
    return np.array(NAMES)[classes]


@dataclass(frozen=True)
class Workshop(Shell):
    """The folder in which everything is tried; what is shared is made when first asked for."""

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def save(self, name: str, **arrays: Any) -> str:
        """An .npz file, by the name that it has as a source."""
        np.savez(self.folder / name, **arrays)
        return f"npz:{self.folder / name}"

    @cached_property
    def full(self) -> str:
        """Training, validation and test images of four classes."""
        parts = {}
        for seed, (part, count) in enumerate({"train": 200, "val": 40, "test": 40}.items()):
            X, y = images(count, seed=seed)
            parts |= {f"x_{part}": X, f"y_{part}": named(y)}
        return self.save("full.npz", **parts)

    @cached_property
    def alone(self) -> str:
        """The training images of `full` alone."""
        X, y = images(200)
        return self.save("alone.npz", x_train=X, y_train=named(y))

    @cached_property
    def study(self) -> Path:
        """A file of a list of layers, over `full`."""
        assert self.full
        return self.write("r.yaml", NETWORK)

    @cached_property
    def original(self) -> Path:
        """A network in the form of the original study, of 32 x 32 pixels."""
        return self.write("o.yaml", ORIGINAL)

    @cached_property
    def said(self) -> str:
        """What `hptjax run` said that made the run."""
        return self.hptjax("run", self.study, "--out", "runs/r").ok()

    @property
    def run(self) -> Path:
        """A finished run of `study`, on the command line."""
        assert self.said
        return self.folder / "runs/r"

    @cached_property
    def model(self) -> hptjax.Model:
        """The least that can be tuned."""
        return hptjax.Model(
            layers=[L.Flatten(), L.Head()], lr=hptjax.loguniform(1e-4, 1e-2), batch_size=16
        )

    @cached_property
    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and names of their classes."""
        X, y = images(96, size=16)
        return X, named(y)

    def tune(self, **changes: Any) -> Any:
        """The Result of a search in this process, of four networks unless changed."""
        given = {"epochs": 2, "trials": 4, "population_size": 2, "searcher": "random"}
        given |= {"out": False, "progress": False, "tensorboard": False, **changes}
        model, data = given.pop("model", self.model), given.pop("data", self.pair)
        return hptjax.tune(model, data, **given)

    @cached_property
    def result(self) -> Any:
        """The Result of a search in this process that is judged by accuracy."""
        return self.tune(metric="val_accuracy", out=self.folder / "runs/p", tensorboard=True)

    @cached_property
    def page(self) -> str:
        """The report of the run."""
        self.hptjax("report", self.run, "--out", "page").ok()
        return (self.folder / "page/report.html").read_text()
