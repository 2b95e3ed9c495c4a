"""`hptjax train`: one network at its exact shape, epoch by epoch."""

import argparse
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from hptjax.cli.options import overrides
from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError, DataError
from hptjax.models import evaluate_variables
from hptjax.population import Member, Population
from hptjax.records.best import save_best
from hptjax.report.terminal import make_console
from hptjax.study.config import DataConfig
from hptjax.study.data import load_test_data, noted_digests, prepare_data
from hptjax.study.load import load_train
from hptjax.study.local import make_trainer
from hptjax.study.network import OnEpoch, data_notes, train_alone
from hptjax.transpile import build


def train(args: argparse.Namespace) -> int:
    """Trains the config's network; prints its metrics, saves it where --out says."""
    settings = load_train(args.config, [*overrides(args), *args.sets])
    console = make_console()
    data = prepare_data(settings.data, settings.model, settings.seed)
    repaired = build(settings.model, data.image)
    if repaired.config is None:
        raise ConfigError(f"{args.config}: this network cannot be built: {repaired.infeasible}")
    for change in repaired.changes:
        console.print(f"repaired: {change}")
    trainer = make_trainer([repaired.config], data, settings.data, seed=settings.seed)
    population = Population.start(trainer, [Member(repaired.config, 0)])
    variables, last = train_alone(
        population, settings.epochs, epoch_lines(console, settings.epochs)
    )
    _print_test(console, repaired.config, variables, settings.data)
    if args.out is not None:
        digests = noted_digests(settings.data, settings.model, data)
        noted = data_notes(settings.data, settings.seed, digests) | last
        save_best(args.out / "best", repaired.config, variables, noted)
        console.print(f"Saved in {args.out / 'best'}", soft_wrap=True)
    return 0


def epoch_lines(console: Console, epochs: int) -> OnEpoch:
    """Prints the metrics of each epoch."""

    def line(epoch: int, metrics: Mapping[str, float]) -> None:
        console.print(
            f"epoch {epoch}/{epochs}: "
            f"train loss {metrics['train_loss']:.4f} accuracy {metrics['train_accuracy']:.4f}, "
            f"val loss {metrics['val_loss']:.4f} accuracy {metrics['val_accuracy']:.4f}"
        )

    return line


def _print_test(console: Console, config: ModelConfig, variables: Any, data: DataConfig) -> None:
    try:
        images = load_test_data(data, config)
    except DataError as error:
        console.print(f"no test set: {error}")
        return
    loss, accuracy = evaluate_variables(config, variables, images)
    console.print(f"test loss {loss:.4f} accuracy {accuracy:.4f}")
