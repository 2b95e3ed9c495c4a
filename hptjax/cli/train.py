"""`hptjax train`: trains one network at its exact shape, epoch by epoch."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from hptjax.cli.options import overrides
from hptjax.config.model import AnyModel
from hptjax.config.yaml_file import read_yaml
from hptjax.data.dataset import ImageDataset, check_alike
from hptjax.data.request import NoSplitError, once, silent
from hptjax.errors import ConfigError
from hptjax.executors.local import make_trainer
from hptjax.models import evaluate_variables
from hptjax.population import Member, Population
from hptjax.records import reader
from hptjax.records.best import CONFIG, save_best
from hptjax.records.files import prove_writable
from hptjax.records.metrics import TRAIN, VAL, in_order, measure_of
from hptjax.report.console import show_hparams, show_measures
from hptjax.report.terminal import make_console, patience
from hptjax.search.network import data_notes, preprocess_note
from hptjax.search.retrain import OnEpoch, train_alone
from hptjax.study.data import StudyData, load_test_data, noted_digests, prepare_data
from hptjax.study.data_config import DataConfig, TrainConfig
from hptjax.study.load import load_defaults, load_train
from hptjax.transpile import build

NOT_SAVED = "Nothing was saved; give --out FOLDER to keep the weights."


def train(args: argparse.Namespace) -> int:
    """Trains the config's network; prints its metrics, and saves it in --out."""
    settings = load_train(args.config, overrides(args))
    console = make_console()
    check_out(args.out)
    own = _trial_of(args.config)
    if own is not None:
        console.print(
            f"The network of {own}, from another random key than its own: --trial {own} trains it "
            "as it was, --continue goes on from its weights.",
            soft_wrap=True,
        )
    told = defaults_text(load_defaults(args.config, overrides(args)))
    if told:
        console.print(told, soft_wrap=True)
    notify = once(lambda text: console.print(text, soft_wrap=True))
    data = prepare_data(settings.data, settings.model, settings.seed, notify)
    test = _test_images(settings, notify)
    if test is not None:
        check_alike(data.train, test)
    task = settings.model.task.options
    data.check(task)
    repaired = build(settings.model, data.image_for(task))
    if repaired.config is None:
        raise ConfigError(f"{args.config}: this network cannot be built: {repaired.infeasible}")
    for change in repaired.changes:
        console.print(f"repaired: {change}")
    with patience(console, "training"):
        trainer = make_trainer(
            [repaired.config], data, settings.data, seed=settings.seed, epochs=settings.epochs
        )
        population = Population.start(trainer, [Member(repaired.config, 0)])
        variables, last = train_alone(
            population, settings.epochs, epoch_lines(console, settings.epochs)
        )
    if test is not None:
        reached = evaluate_variables(repaired.config, variables, test)
        console.print(f"test {show_measures(reached)}")
    if args.out is None:
        console.print(NOT_SAVED)
    else:
        digests = noted_digests(settings.data, settings.model, data)
        noted = data_notes(settings.data, settings.seed, digests, data.train.class_names)
        noted |= {"epoch": settings.epochs} | preprocess_note(repaired.config)
        save_best(args.out / "best", repaired.config, variables, noted | last)
        console.print(f"Saved in {args.out / 'best'}", soft_wrap=True)
    return 0


def check_out(out: Path | None) -> None:
    """Raises ConfigError for a place that cannot be written, and for the directory of a run."""
    if out is None:
        return
    if (out / reader.NAME).exists():
        raise ConfigError(f"--out {out}: is a run, whose best network would be lost; give another.")
    prove_writable(out / "best", f"--out {out}")


def _trial_of(path: Path) -> str | None:
    """The trial of a run's best network, such as tpe/57; None for any other path."""
    config = path / "best" / CONFIG
    noted = read_yaml(config).get("trial", {}) if config.is_file() else {}
    known = isinstance(noted, dict) and {"strategy", "number"} <= noted.keys()
    return f"{noted['strategy']}/{noted['number']}" if known else None


def defaults_text(defaults: Mapping[str, Any]) -> str:
    """A line about the defaults in the place of a model's entries; empty if it has none."""
    if not defaults:
        return ""
    return f"The model is to be tuned; this training takes its defaults: {show_hparams(defaults)}"


def epoch_lines(console: Console, epochs: int) -> OnEpoch:
    """Returns a function that prints the metrics of each epoch."""

    def line(epoch: int, metrics: Mapping[str, float]) -> None:
        train, val = (
            {measure_of(name): metrics[name] for name in in_order(metrics) if name.startswith(part)}
            for part in (TRAIN, VAL)
        )
        console.print(
            f"epoch {epoch}/{epochs}: train {show_measures(train)}, val {show_measures(val)}"
        )

    return line


def say_test(
    config: AnyModel,
    variables: Mapping[str, Any],
    source: DataConfig,
    data: StudyData,
    notify: Callable[[str], None],
) -> None:
    """Prints the measures of a network on the test set of its source, if there is one."""
    try:
        names = data.train.class_names
        test = load_test_data(source, config, classes=names, notify=silent)
    except NoSplitError:
        return
    notify(f"test {show_measures(evaluate_variables(config, variables, test))}")


def _test_images(settings: TrainConfig, notify: Callable[[str], None]) -> ImageDataset | None:
    """The test set, read before the training, so that its mistakes are reported at once."""
    try:
        return load_test_data(settings.data, settings.model, notify=notify)
    except NoSplitError as error:
        notify(f"no test set: {error}")
        return None
