"""`hptjax train`: one network at its exact shape, epoch by epoch."""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from hptjax.cli.model_file import TrainSettings, load_model_file
from hptjax.cli.run import overrides
from hptjax.config.schema import ModelConfig
from hptjax.config.study import DataConfig
from hptjax.data.resize import resize_and_crop
from hptjax.data.sources import load_images
from hptjax.errors import ConfigError, DataError
from hptjax.population import Member, PopulationTrainer, evaluate_variables, make_plan
from hptjax.records.best import save_best
from hptjax.study.data import StudyData, prepare_data
from hptjax.transpile.repair import candidate


def train(args: argparse.Namespace) -> int:
    """Trains the config's network; prints its metrics, saves it where --out says."""
    settings = load_model_file(args.config, [*overrides(args), *args.sets])
    console = Console(highlight=False)
    data = prepare_data(settings.data, settings.model, settings.seed)
    repaired = candidate(settings.model, {}, data.image)
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
    config: ModelConfig, data: StudyData, settings: TrainSettings, console: Console
) -> tuple[Any, dict[str, float]]:
    trainer = PopulationTrainer(
        make_plan([config]),
        data.train,
        data.validation,
        seed=settings.seed,
        augment=settings.data.augment,
        augment_validation=settings.data.augment_validation,
    )
    epochs = settings.epochs
    state = trainer.start([Member(config, 0)])
    last: dict[str, float] = {}
    for epoch in range(epochs):
        state, metrics = trainer.epoch(state, epoch)
        last = {name: float(values[0]) for name, values in metrics.items()}
        console.print(
            f"epoch {epoch + 1}/{epochs}: "
            f"train loss {last['train_loss']:.4f} accuracy {last['train_accuracy']:.4f}, "
            f"val loss {last['val_loss']:.4f} accuracy {last['val_accuracy']:.4f}"
        )
    return trainer.variables(state, 0), last


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
