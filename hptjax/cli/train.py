"""`hptjax train`: one network at its exact shape, epoch by epoch."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from hptjax.cli.options import overrides
from hptjax.config.schema import ModelConfig
from hptjax.data.resize import resize_and_crop
from hptjax.data.sources import load_images
from hptjax.errors import ConfigError, DataError
from hptjax.models import evaluate_variables
from hptjax.population import Member, Population
from hptjax.records.best import save_best
from hptjax.study.config import DataConfig, TrainConfig
from hptjax.study.data import StudyData, prepare_data
from hptjax.study.load import load_train
from hptjax.study.local import make_trainer
from hptjax.transpile import build


def train(args: argparse.Namespace) -> int:
    """Trains the config's network; prints its metrics, saves it where --out says."""
    settings = load_train(args.config, [*overrides(args), *args.sets])
    console = Console(highlight=False)
    data = prepare_data(settings.data, settings.model, settings.seed)
    repaired = build(settings.model, data.image)
    if repaired.config is None:
        raise ConfigError(f"{args.config}: this network cannot be built: {repaired.infeasible}")
    for change in repaired.changes:
        console.print(f"repaired: {change}")
    variables, last = _train(repaired.config, data, settings, console)
    _print_test(console, repaired.config, variables, settings.data)
    if args.out is not None:
        save_best(args.out / "best", repaired.config, variables, {"seed": settings.seed, **last})
        console.print(f"Saved in {args.out / 'best'}", soft_wrap=True)
    return 0


def _train(
    config: ModelConfig, data: StudyData, settings: TrainConfig, console: Console
) -> tuple[Mapping[str, Any], dict[str, float]]:
    trainer = make_trainer([config], data, settings.data, seed=settings.seed)
    population = Population.start(trainer, [Member(config, 0)])
    last: dict[str, float] = {}
    for epoch in range(settings.epochs):
        curves = population.advance(1).curves
        last = {name: float(curve[0, 0]) for name, curve in curves.items()}
        console.print(
            f"epoch {epoch + 1}/{settings.epochs}: "
            f"train loss {last['train_loss']:.4f} accuracy {last['train_accuracy']:.4f}, "
            f"val loss {last['val_loss']:.4f} accuracy {last['val_accuracy']:.4f}"
        )
    return population.weights(0), last


def _print_test(console: Console, config: ModelConfig, variables: Any, data: DataConfig) -> None:
    data_dir = None if data.data_dir is None else Path(data.data_dir)
    try:
        images = load_images(data.source, split="test", data_dir=data_dir)
    except DataError as error:
        console.print(f"no test set: {error}")
        return
    images = resize_and_crop(images, config.init_length, config.init_width)
    loss, accuracy = evaluate_variables(config, variables, images)
    console.print(f"test loss {loss:.4f} accuracy {accuracy:.4f}")
