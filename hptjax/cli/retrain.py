"""`hptjax train RUN --trial ID` and `--continue`: trains a network of a run again, or further."""

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from hptjax.cli.train import NOT_SAVED, check_out, epoch_lines, say_test
from hptjax.cli.trials import find_trial, kept_path
from hptjax.config.explain import validated
from hptjax.config.model import AnyModel
from hptjax.errors import ConfigError, DataError
from hptjax.models.network import load_saved
from hptjax.records.best import SavedNetwork, load_network, save_best
from hptjax.records.reader import read_run
from hptjax.records.run_dir import check_digests, load_run
from hptjax.records.trial import TrialRecord, finite_or_none
from hptjax.report.terminal import make_console, patience
from hptjax.search.network import origin_notes, reached_notes
from hptjax.search.retrain import is_scheduled, train_anew, train_on
from hptjax.study.config import StudyConfig
from hptjax.study.data import (
    StudyData,
    data_digests,
    load_study_data,
    prepare_data,
)
from hptjax.study.data_config import DataConfig

Notify = Callable[[str], None]


def retrain(args: argparse.Namespace) -> int:
    """Trains a network of a run; prints its metrics, and saves it in --out."""
    _check(args)
    console = make_console()
    check_out(args.out)

    def notify(text: str) -> None:
        console.print(text, soft_wrap=True)

    network, data = (_onward if args.onward else _anew)(args, notify, console)
    config, noted = network.config, network.trial
    source = validated(DataConfig, noted["data"], "data")
    say_test(config, network.variables, source, data, notify)
    if args.out is None:
        notify(NOT_SAVED)
    else:
        save_best(args.out / "best", config, network.variables, noted)
        notify(f"Saved in {args.out / 'best'}")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raises ConfigError for options that would change the run's training."""
    others = {"--data": args.data, "--seed": args.seed, "--no-augment": args.augment}
    given = [option for option, value in others.items() if value is not None]
    given += ["--set"] * bool(args.sets)
    if given:
        own = "--continue" if args.onward else "--trial"
        raise ConfigError(
            f"{given[0]}: the images and the seed are the run's with {own}; leave out one of them."
        )
    if args.epochs is not None and args.epochs < 1:
        raise ConfigError(f"--epochs {args.epochs}: must be at least 1.")


def _anew(
    args: argparse.Namespace, notify: Notify, console: Console
) -> tuple[SavedNetwork, StudyData]:
    """Trains a trial's network again from its recorded key."""
    result, recorded = load_run(args.config), read_run(args.config)
    trial = find_trial(result, args.trial)
    study = StudyConfig.from_dict(result.config)
    if args.data_dir is not None:
        moved = study.data.model_copy(update={"data_dir": args.data_dir})
        study = study.model_copy(update={"data": moved})
    data = load_study_data(study, notify)
    check_digests(args.config, recorded.data, data_digests(data), study.data.source)
    epochs = args.epochs or study.epochs
    curves: dict[str, list[float]] = {}
    line = epoch_lines(console, epochs)

    def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
        line(epoch, metrics)
        for name, value in metrics.items():
            curves.setdefault(name, []).append(value)

    with patience(console, "training"):
        config, variables, last = train_anew(study, trial, data, epochs, on_epoch)
    notify(_against_record(trial, curves, study, epochs, config))
    if trial.judged_epoch != epochs:
        judged = f"the trial is judged by epoch {trial.judged_epoch}"
        notify(f"These weights are those after epoch {epochs}; {judged}.")
    noted = reached_notes(study.data, study.seed, data, config, last, epochs)
    return SavedNetwork(config, variables, noted | origin_notes(trial)), data


def _onward(
    args: argparse.Namespace, notify: Notify, console: Console
) -> tuple[SavedNetwork, StudyData]:
    """Trains a kept network for further epochs."""
    network = kept_network(args.config, args.trial)
    known = network.trial
    if args.epochs is None:
        raise ConfigError("--continue: give --epochs N, how many more.")
    if known.get("data") is None:
        raise ConfigError(f"{args.config}: it does not say which images it was trained on.")
    tree = dict(known["data"]) | ({} if args.data_dir is None else {"data_dir": args.data_dir})
    source, seed = validated(DataConfig, tree, "data"), known["seed"]
    data = prepare_data(source, network.config, seed, notify)
    own = data_digests(data)
    noted_of = {part: digest for part, digest in known.get("digests", {}).items() if part in own}
    check_digests(args.config, noted_of, own, source.source)
    age = known.get("epoch", 0)
    again = ", its learning rate's schedule" if is_scheduled(network.config) else ""
    notify(
        f"Going on from the weights after epoch {age}, for {args.epochs} more: the optimizer "
        f"begins with fresh moments{again}."
    )
    lines = epoch_lines(console, age + args.epochs)
    with patience(console, "training"):
        variables, last = train_on(
            network.config,
            network.variables,
            data,
            source,
            seed=seed,
            key=known.get("key", 0),  # 0 is the key of `hptjax train`, which records none
            age=age,
            epochs=args.epochs,
            on_epoch=lambda epoch, metrics: lines(age + epoch, metrics),
        )
    noted = reached_notes(source, seed, data, network.config, last, age + args.epochs)
    if "strategy" in known:
        noted["from"] = f"{known['strategy']}/{known['number']}"
    noted |= {key: known[key] for key in ("from", "key", "hparams") if key in known}
    return SavedNetwork(network.config, variables, noted), data


def kept_network(path: Path, trial: str | None) -> SavedNetwork:
    """The best network of a run, the network of a file, or the kept network of a trial.

    Raises ConfigError if the weights of the trial are not kept.
    """
    if trial is None:
        return load_saved(path)
    found = find_trial(load_run(path), trial)
    name = f"{found.strategy}/{found.number}"
    if kept_path(path, found).is_file():
        return load_saved(kept_path(path, found))
    try:
        best = load_network(path).trial
    except DataError:
        best = {}
    if (best.get("strategy"), best.get("number")) == (found.strategy, found.number):
        return load_saved(path)
    raise ConfigError(
        f"--trial {name}: its weights are not kept, those of the best trial are; without "
        "--continue it is trained anew, for as many epochs as --epochs says."
    )


def _against_record(
    trial: TrialRecord,
    curves: Mapping[str, list[float]],
    study: StudyConfig,
    epochs: int,
    config: AnyModel,
) -> str:
    """A line that says whether the epochs equal those in the run's record."""
    if study.repeats > 1:
        return f"The record is of {study.repeats} repetitions; this network is the first of them."
    shared = min(trial.age, epochs)
    pairs = [
        (old, finite_or_none(new))
        for name, curve in curves.items()
        for old, new in zip(trial.epochs.get(name, ()), curve, strict=False)
    ]
    which = "Epoch 1 is" if shared == 1 else f"Epochs 1 to {shared} are"
    if all(old == new for old, new in pairs):
        return f"{which} as recorded, bit for bit."
    if epochs > study.epochs and is_scheduled(config):
        return (
            f"The learning rate is scheduled over {epochs} epochs, in the run over {study.epochs}: "
            "the curve is another one."
        )
    both = [(old, new) for old, new in pairs if old is not None and new is not None]
    far = max((abs(old - new) for old, new in both), default=math.nan)
    return (
        f"{which} not as recorded, by at most {far:.2g}; other images, another version or another "
        "machine than the run's?"
    )
