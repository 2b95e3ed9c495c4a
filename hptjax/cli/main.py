"""The command line: parses, dispatches, and turns users' mistakes into one line and exit code 2."""

import argparse
import errno
import sys
from collections.abc import Sequence
from typing import NoReturn

import shtab

from hptjax import __version__
from hptjax.cli.looking import add_command, add_help, add_looking
from hptjax.cli.process import CLOSED_PIPE, OutputClosed, Process, say
from hptjax.cli.texts import (
    DATA_HELP,
    DESCRIBE_HELP,
    EVALUATE_HELP,
    EXPORT_HELP,
    PREDICT_HELP,
    RUN_HELP,
    TRAIN_HELP,
)
from hptjax.devices import set_up
from hptjax.errors import ConfigError, MissingExtraError, did_you_mean, shown
from hptjax.importing import import_from
from hptjax.paths import user_path

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all our errors."""

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            names = [action.metavar, *action.option_strings]
            what = next(name for name in reversed(names) if isinstance(name, str))
            self.error(f"{what} {shown(value)}: {did_you_mean(value, action.choices)}")

    def error(self, message: str) -> NoReturn:
        say(f"{message} (see {self.prog} --help)")
        raise SystemExit(2)


def entry() -> int:
    """The process `hptjax`: its streams and signals, around one command."""
    process = Process()
    process.guard()
    process.tell_warnings()
    process.take_signals()
    import_from([""])  # the folder of the shell, as `python -m hptjax` has it
    return main(process=process)


def main(argv: Sequence[str] | None = None, process: Process | None = None) -> int:
    """Runs one command; returns its exit code.

    0, 2 for a user's mistake, 130 after Ctrl-C, 143 after SIGTERM, 141 where nobody reads what a
    command prints that only prints.
    """
    process = process or Process()
    try:
        parser = make_parser()
        args, unknown = parser.parse_known_args(argv)
        if unknown:
            hint = "; --set KEY=VALUE changes any key of the config" * hasattr(args, "sets")
            parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        process.resume_hint = args.resume_hint
        process.only_prints(args.only_prints)
        if args.compile_cache is not None:
            set_up(compile_cache=args.compile_cache)
        code = args.handler(args)
        sys.stdout.flush()  # while a mistake in it can still be told
        return code
    except (ConfigError, MissingExtraError) as error:
        say(str(error))
    except OSError as error:
        if error.filename is None and error.errno not in DISK:
            raise
        say(f"{error.filename or 'the disk'}: {error.strerror}.")
    except OutputClosed:
        return CLOSED_PIPE
    except KeyboardInterrupt as stop:
        return process.last_words(stop)
    return 2


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="hptjax",
        description="Search hyperparameters of small image classifiers: whole populations of "
        "different networks are trained by one compiled call.",
        epilog="Start with  hptjax run quickstart  (a minute or two, no download). "
        "hptjax COMMAND --help says more. Exit codes: 0 done, 2 a mistake (one line says which), "
        "130 Ctrl-C, 143 SIGTERM, 141 nobody reads what is printed.",
    )
    parser.add_argument("--version", action="version", version=f"hptjax {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    _add_run(commands)
    _add_train(commands)
    _add_describe(commands)
    _add_data(commands)
    add_looking(commands)
    _add_export(commands)
    _add_predict(commands)
    _add_evaluate(commands)
    add_help(parser, commands)
    shtab.add_argument_to(
        parser, "--print-completion", help="print what a shell needs to complete our commands"
    )
    return parser


def _add_config(command: argparse.ArgumentParser) -> None:
    config = command.add_argument(
        "config",
        type=user_path,
        metavar="CONFIG",
        help="a YAML file, a run, or the name of a packaged config such as quickstart",
    )
    config.complete = shtab.FILE  # pyright: ignore[reportAttributeAccessIssue]
    command.add_argument(
        "--set",
        dest="sets",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one key of the config, as in --set model.lr=0.01 (may be repeated)",
    )


def _add_compile_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--no-compile-cache",
        dest="compile_cache",
        action="store_false",
        default=True,
        help="do not keep compiled programs for the next process (HPTJAX_COMPILE_CACHE=0 does the "
        "same; HPTJAX_COMPILE_CACHE=DIR keeps them in DIR)",
    )


def _add_images(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        metavar="SOURCE",
        help="sample, folder:<path>, npz:<path>, ...; hptjax list sources tells all (default: the "
        "config's)",
    )
    command.add_argument(
        "--data-dir", metavar="DIR", help="where the source's files lie (default: downloaded)"
    )


def _add_training(command: argparse.ArgumentParser) -> None:
    _add_images(command)
    command.add_argument("--epochs", type=int, metavar="N", help="epochs of each network")
    command.add_argument("--seed", type=int, metavar="N", help="of the search, split and weights")
    command.add_argument(
        "--no-augment",
        dest="augment",
        action="store_false",
        default=None,
        help="train on the images as they are, neither flipped nor rotated",
    )


def _add_executor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--executor",
        metavar="NAME",
        help="what trains: local (the default), or ray for workers here or on other machines",
    )
    command.add_argument(
        "--address",
        metavar="WHERE",
        help="of a Ray that runs: auto, host:port or ray://host:port (default: one of this "
        "machine, for this run only)",
    )
    command.add_argument(
        "--workers", type=int, metavar="N", help="at most (default: as many as there is room for)"
    )
    command.add_argument(
        "--resources",
        metavar="YAML",
        help="of each worker, as in '{GPU: 1, CPU: 4}' (default: a GPU, or the cores of a node)",
    )


def _add_run(commands) -> None:
    command = add_command(commands, "run", "search the space of a study", RUN_HELP)
    _add_config(command)
    command.add_argument(
        "--searcher",
        "--strategy",
        dest="searcher",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="one or more of des, grid, random, tpe, or labels of the config's own, run one after "
        "another",
    )
    _add_training(command)
    command.add_argument(
        "--metric", metavar="NAME", help="by which trials are ranked, as val_accuracy"
    )
    command.add_argument(
        "--schedule", metavar="NAME", help="full (the default), halving or hyperband"
    )
    command.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help="each searcher may try N candidates; other limits of the config hold, too",
    )
    command.add_argument(
        "--generations",
        type=int,
        metavar="N",
        help="each searcher may try N x population size candidates",
    )
    command.add_argument(
        "--population-size", type=int, metavar="N", help="candidates trained by one compiled call"
    )
    command.add_argument(
        "--seconds",
        "--time-budget",
        dest="seconds",
        type=float,
        metavar="S",
        help="seconds for each searcher; it stops before the epoch that would pass them",
    )
    command.add_argument(
        "--keep-best",
        type=int,
        metavar="K",
        help="how many of the best networks are kept; of several an ensemble is built",
    )
    command.add_argument(
        "--warm-start",
        type=user_path,
        metavar="DIR",
        help="try the best trials of another run first (its directory, or a trials.csv)",
    )
    command.add_argument(
        "--best", type=int, metavar="K", help="how many of them (default: the best one)"
    )
    _add_executor(command)
    command.add_argument(
        "--out",
        type=user_path,
        metavar="DIR",
        help="the run directory (default: runs/<config>-<strategies>-seed<N>)",
    )
    _add_compile_cache(command)
    command.set_defaults(handler=_run, resume_hint="; run the same command again to go on")


def _add_train(commands) -> None:
    command = add_command(commands, "train", "train one network", TRAIN_HELP)
    _add_config(command)
    _add_training(command)
    command.add_argument(
        "--trial",
        metavar="STRATEGY/N",
        help="CONFIG is a run: train the network of this trial again, from its recorded key",
    )
    command.add_argument(
        "--continue",
        dest="onward",
        action="store_true",
        help="go on from the kept weights of a run's best network, of --trial, or of an exported "
        "file, for --epochs more",
    )
    command.add_argument(
        "--out", type=user_path, metavar="DIR", help="save config and weights in DIR/best"
    )
    _add_compile_cache(command)
    command.set_defaults(handler=_train)


def _add_describe(commands) -> None:
    command = add_command(commands, "describe", "say what a study would do", DESCRIBE_HELP)
    _add_config(command)
    _add_images(command)
    _add_compile_cache(command)
    command.set_defaults(handler=_describe, only_prints=True)


def _add_data(commands) -> None:
    command = add_command(commands, "data", "say what images a source gives", DATA_HELP)
    command.add_argument(
        "source", metavar="SOURCE", help="folder:<path>, npz:<path>, sample, ... (list sources)"
    )
    command.add_argument("--data-dir", metavar="DIR", help="where the source's files lie")
    command.add_argument("--size", metavar="N", help="scale and crop images to N pixels, or HxW")
    command.add_argument("--channels", type=int, metavar="C", help="1: make images grey, 3: RGB")
    command.add_argument(
        "--validation",
        metavar="WHAT",
        help="a share (0.2), a number of images, test, a source, or YAML as "
        "'{fraction: 0.2, groups: ...}' (default: 0.2, where the source has no validation set)",
    )
    command.add_argument(
        "--broken",
        choices=("refuse", "skip"),
        help="broken files (default: refuse)",
    )
    command.add_argument(
        "--background",
        metavar="COLOUR",
        help="lay transparent pictures on it, as white or '#808080'",
    )
    command.add_argument(
        "--kind",
        choices=("classes", "labels", "targets"),
        default="classes",
        help="what is to be learned: one class, several labels, real numbers (default: classes)",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the split")
    command.add_argument(
        "--show", type=user_path, metavar="FILE.png", help="write a sheet of pictures of each class"
    )
    command.set_defaults(handler=_data, only_prints=True)


def _add_export(commands) -> None:
    command = add_command(commands, "export", "write a network of a run to one file", EXPORT_HELP)
    command.add_argument(
        "run", type=user_path, metavar="DIR|FILE", help="a run directory, or an exported file"
    )
    command.add_argument(
        "--trial",
        metavar="STRATEGY/N",
        help="a trial, or N alone where the run has one strategy; trained again where its weights "
        "are not kept (default: the best network, which is saved)",
    )
    command.add_argument(
        "--to",
        type=user_path,
        required=True,
        metavar="FILE",
        help="must end in .safetensors, .onnx (extra [onnx]) or .pt (extra [torch])",
    )
    command.add_argument(
        "--ensemble",
        action="store_true",
        help="the run's kept networks together (keep_best), as one .onnx file",
    )
    command.add_argument(
        "--input",
        choices=("uint8", "float32"),
        help="of an .onnx file: bytes (the default), or floats from 0 to 1",
    )
    command.add_argument(
        "--data-dir", metavar="DIR", help="where the source's files lie now (with --trial)"
    )
    _add_compile_cache(command)
    command.set_defaults(handler=_export)


def _add_evaluate(commands) -> None:
    command = add_command(commands, "evaluate", "measure a network of a run", EVALUATE_HELP)
    command.add_argument(
        "network", type=user_path, metavar="DIR|FILE", help="a run directory, or an exported file"
    )
    command.add_argument(
        "--split",
        choices=("test", "train", "validation"),
        help="default: test, or where there is none validation, which is said",
    )
    _add_ensemble(command)
    command.add_argument(
        "--per-class",
        action="store_true",
        help="print precision, recall and F1 of each class, and which are taken for which",
    )
    _add_images(command)
    _add_compile_cache(command)
    command.set_defaults(handler=_evaluate, only_prints=True)


def _add_ensemble(command) -> None:
    command.add_argument(
        "--ensemble", action="store_true", help="by the run's kept networks together (keep_best)"
    )


def _add_predict(commands) -> None:
    command = add_command(commands, "predict", "say what is in pictures", PREDICT_HELP)
    command.add_argument(
        "network", type=user_path, metavar="RUN|FILE", help="a run directory, or an exported file"
    )
    command.add_argument(
        "images", type=user_path, nargs="+", metavar="IMAGE", help="pictures, or folders of some"
    )
    _add_ensemble(command)
    command.add_argument(
        "--top", type=int, metavar="K", help="the K most likely classes (default: the likeliest)"
    )
    command.add_argument(
        "--probabilities", action="store_true", help="those of all classes, a column each"
    )
    command.add_argument(
        "--csv", type=user_path, metavar="FILE", help="write them there, instead of printing"
    )
    _add_compile_cache(command)
    command.set_defaults(handler=_predict, only_prints=True)


# The handlers import what they need: `--help` and a wrong option answer at once.


def _run(args: argparse.Namespace) -> int:
    from hptjax.cli.run import run

    return run(args)


def _train(args: argparse.Namespace) -> int:
    if args.trial is not None or args.onward:
        from hptjax.cli.retrain import retrain

        return retrain(args)
    from hptjax.cli.train import train

    return train(args)


def _describe(args: argparse.Namespace) -> int:
    from hptjax.cli.describe import describe

    return describe(args)


def _data(args: argparse.Namespace) -> int:
    from hptjax.cli.data import data

    return data(args)


def _export(args: argparse.Namespace) -> int:
    from hptjax.cli.export import export

    return export(args)


def _evaluate(args: argparse.Namespace) -> int:
    from hptjax.cli.evaluate import evaluate

    return evaluate(args)


def _predict(args: argparse.Namespace) -> int:
    from hptjax.cli.predict import predict

    return predict(args)
