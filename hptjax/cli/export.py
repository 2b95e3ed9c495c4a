"""`hptjax export`: writes the best network of a run, or that of any trial, to a file."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from hptjax.cli.train import epoch_lines
from hptjax.cli.trials import find_trial, kept_path
from hptjax.errors import ConfigError
from hptjax.exports.onnx import write_ensemble
from hptjax.exports.torch import source_path
from hptjax.models.formats import find_format
from hptjax.models.network import network_of
from hptjax.records.best import SUFFIX, SavedNetwork, flatten, load_network, save_network
from hptjax.records.files import prove_writable
from hptjax.records.reader import read_run
from hptjax.records.run_dir import check_digests, load_run
from hptjax.records.trial import TrialRecord
from hptjax.report.terminal import make_console, patience
from hptjax.search.kept import KEPT, wanted_ensemble
from hptjax.search.network import own_metric, preprocess_note, remake, show, value_note
from hptjax.study.config import StudyConfig
from hptjax.study.data import data_digests, load_study_data

TOLERANCE = 0.1  # of the validation loss, relative if it is above 1: training amplifies rounding


def export(args: argparse.Namespace) -> int:
    """Writes a network to a file; the ending decides the format."""
    find_format(args.to, f"--to {args.to}")
    if args.input is not None and args.to.suffix != ".onnx":
        raise ConfigError(f"--input {args.input}: is of .onnx files, not of {args.to}.")
    console = make_console()
    prove_writable(args.to.parent, f"--to {args.to}")
    if args.ensemble:
        return _export_ensemble(args, console)
    network = _network(args, console)
    with _writing(args.to):
        _write(args.to, network, args.input)
    count = sum(array.size for array in flatten(network.variables).values())
    told = f"{args.to}: {name_of(network)}, {count:,} numbers."
    if args.to.suffix == ".pt":
        told += f" {source_path(args.to)}: the module, which needs torch alone."
    console.print(told, soft_wrap=True)
    print_note(network, console)
    return 0


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raises ConfigError if the file cannot be written within."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"--to {path}: cannot write it: {error.strerror}.") from None


def _export_ensemble(args: argparse.Namespace, console: Console) -> int:
    """Writes the run's ensemble as one .onnx file."""
    if args.trial is not None:
        raise ConfigError("--ensemble, --trial: give one of them.")
    if args.to.suffix != ".onnx":
        raise ConfigError(
            f"--ensemble: is exported as .onnx, not {args.to}; its members lie in "
            f"{args.run / KEPT}, and --trial exports one of them."
        )
    ensemble = wanted_ensemble(args.run)
    with _writing(args.to):
        write_ensemble(ensemble, args.to, **({} if args.input is None else {"input": args.input}))
    console.print(f"{args.to}: {ensemble.name}.", soft_wrap=True)
    return 0


def _network(args: argparse.Namespace, console: Console) -> SavedNetwork:
    """The best network, or the network of a trial: kept by the run, or else trained again."""
    if args.trial is None:
        return load_network(args.run)
    trial = find_trial(load_run(args.run), args.trial)
    kept = kept_path(args.run, trial)
    if kept.is_file():
        return load_network(kept)
    return _remade(args.run, args.trial, args.data_dir, console)


def _write(path: Path, network: SavedNetwork, kind: str | None) -> None:
    """Writes a network: our own format keeps all that was saved, others only the computation."""
    if path.suffix == SUFFIX:
        noted = {**preprocess_note(network.config), **network.trial}
        save_network(path, SavedNetwork(network.config, network.variables, noted))
        return
    options = {} if kind is None else {"input": kind}
    network_of(network, path).export(path, **options)


def name_of(network: SavedNetwork) -> str:
    """The network in a file, in words."""
    trial = network.trial
    if "from" in trial:
        return f"trial {trial['from']} trained again, {trial['epoch']} epochs"
    if "strategy" not in trial:
        return "a network trained alone"
    return f"trial {trial['strategy']}/{trial['number']}"


def print_note(network: SavedNetwork, console: Console) -> None:
    """Prints a line if the value of a network's trial is not the value of its weights."""
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
    with patience(console, "training"):
        network = remake(study, trial, images, epoch_lines(console, trial.judged_epoch))
    console.print(_comparison(trial, network, study.repeats), soft_wrap=True)
    return network


def _comparison(trial: TrialRecord, network: SavedNetwork, repeats: int) -> str:
    """Compares the network with its record; warns if it can hardly be the recorded one."""
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
