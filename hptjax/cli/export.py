"""`hptjax export`: the best network of a run, or any trial's made again, as one file."""

import argparse
from pathlib import Path

from rich.console import Console

from hptjax.cli.train import epoch_lines
from hptjax.errors import ConfigError
from hptjax.records.best import SUFFIX, SavedNetwork, flatten, load_network, save_network
from hptjax.records.files import prove_writable
from hptjax.records.reader import read_run
from hptjax.records.run_dir import check_digests, load_run
from hptjax.records.trial import StudyResult, TrialRecord
from hptjax.report.terminal import make_console
from hptjax.search.network import own_metric, remake, show, value_note
from hptjax.study.config import StudyConfig
from hptjax.study.data import data_digests, load_study_data

TOLERANCE = 0.1  # of the validation loss, as a share of it above 1: training amplifies rounding


def export(args: argparse.Namespace) -> int:
    """Writes a network to a safetensors file."""
    if args.to.suffix != SUFFIX:
        raise ConfigError(f"--to {args.to}: must end in {SUFFIX}.")
    console = make_console()
    prove_writable(args.to.parent, f"--to {args.to}")
    if args.trial is None:
        network = load_network(args.run)
    else:
        network = _remade(args.run, args.trial, args.data_dir, console)
    try:
        save_network(args.to, network)
    except OSError as error:
        raise ConfigError(f"--to {args.to}: cannot write it: {error.strerror}.") from None
    count = sum(array.size for array in flatten(network.variables).values())
    console.print(f"{args.to}: {name_of(network)}, {count:,} numbers.", soft_wrap=True)
    print_note(network, console)
    return 0


def name_of(network: SavedNetwork) -> str:
    """Which network a file holds, in words."""
    trial = network.trial
    if "strategy" not in trial:
        return "a network trained alone"
    return f"trial {trial['strategy']}/{trial['number']}"


def print_note(network: SavedNetwork, console: Console) -> None:
    """A line, where the value of a network's trial is not that of its weights."""
    note = value_note(network.trial)
    if note is not None:
        console.print(note, soft_wrap=True)


def _remade(run: Path, name: str, data_dir: str | None, console: Console) -> SavedNetwork:
    result, recorded = load_run(run), read_run(run)
    trial = find_trial(result, name)
    study = StudyConfig.from_dict(result.config)
    if data_dir is not None:
        data = study.data.model_copy(update={"data_dir": data_dir})
        study = study.model_copy(update={"data": data})

    def notify(text: str) -> None:
        console.print(text, soft_wrap=True)

    images = load_study_data(study, notify)
    check_digests(run, recorded.data, data_digests(images), study.data.source)
    network = remake(study, trial, images, epoch_lines(console, trial.judged_epoch))
    console.print(_comparison(trial, network, study.repeats), soft_wrap=True)
    return network


def find_trial(result: StudyResult, name: str) -> TrialRecord:
    """The trial named des/12, or 12 where a run has one strategy; ConfigError if there is none."""
    label, slash, number = name.rpartition("/")
    labels = list(dict.fromkeys(trial.strategy for trial in result.trials))
    if not number.isdecimal():
        raise ConfigError(f"--trial {name}: must be STRATEGY/N or N, as in des/12.")
    if not slash and len(labels) > 1:
        choices = ", ".join(f"{label}/{number}" for label in labels)
        raise ConfigError(f"--trial {name}: this run has several strategies: {choices}.")
    own = [trial for trial in result.trials if trial.strategy == label or not slash]
    found = [trial for trial in own if trial.number == int(number)]
    if not found:
        held = ", ".join(
            f"{label}/0..{sum(trial.strategy == label for trial in result.trials) - 1}"
            for label in labels
        )
        raise ConfigError(f"--trial {name}: no such trial; this run holds {held or 'none yet'}.")
    return found[0]


def _comparison(trial: TrialRecord, network: SavedNetwork, repeats: int) -> str:
    """What the record says of the network; a warning where it can hardly be the recorded one."""
    recorded, reached = own_metric(trial, "val_loss"), network.trial["network"]["val_loss"]
    text = f"val loss {show(reached)}, recorded {show(recorded)}"
    if repeats > 1:
        mean = show(trial.judged("val_loss"))
        text += f" (the first of {repeats} repetitions, whose mean is {mean})"
    if recorded is None or reached is None:
        far = recorded is not reached
    else:
        far = abs(recorded - reached) > TOLERANCE * max(1.0, abs(recorded))
    why = "; other images, another version or another machine than the run's?"
    return f"Warning: {text}{why}" if far else f"{text}."
