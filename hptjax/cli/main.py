"""The command line: parses, dispatches, and turns users' mistakes into one line and exit code 2."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hptjax.cli.devices import set_up
from hptjax.errors import ConfigError, MissingExtraError

CONFIG_HELP = "a YAML file, or the name of a packaged config such as quickstart"
RUN_HELP = """\
Searches the space of a study and writes everything to a run directory:

  config.yaml    the study with every default filled in
  journal.jsonl  all trials, one generation to a line: the truth
  trials.csv     one row per trial          epochs.csv  one row per trial and epoch
  tb/            TensorBoard scalars        best/       config and weights of the best network
  optuna.journal an Optuna study for each strategy: optuna-dashboard DIR/optuna.journal

Interrupted (Ctrl-C, kill, power), the same command goes on where it stopped and ends with the same
history.

examples:
  hptjax run quickstart
  hptjax run trial1 --strategy des tpe --epochs 2 --seed 1
  hptjax run trial1 --set model.batch_size=128 --set data.train_limit=2000
"""
TRAIN_HELP = """\
Trains one network at its exact shape and prints loss and accuracy after every epoch, then those on
the test set if the source has one. CONFIG is a model (the original study's `model: {...}`), or a
study, of which the model is taken.

example:
  hptjax train model --data fashion_mnist --epochs 5 --out runs/model
"""
DESCRIBE_HELP = """\
Says what a study would do, without training: its space, the bodies that would be compiled,
parameters and FLOPs of its networks, what padding wastes, memory. For a model: its parameters and
FLOPs.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all our errors."""

    def error(self, message: str) -> NoReturn:
        print(f"hptjax: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    args = make_parser().parse_args(argv)
    try:
        set_up(compile_cache=args.compile_cache)
        return args.handler(args)
    except (ConfigError, MissingExtraError) as error:
        print(f"hptjax: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"hptjax: interrupted{args.resume_hint}", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="hptjax",
        description="Search hyperparameters of small image classifiers: whole populations of "
        "different networks are trained by one compiled call.",
        epilog="Start with  hptjax run quickstart  (a minute or two, no download). "
        "hptjax COMMAND --help says more.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_train(commands)
    _add_describe(commands)
    return parser


def _command(commands, name: str, short: str, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=short, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument(
        "config",
        type=Path,
        metavar="CONFIG",
        help="a YAML file, or the name of a packaged config such as quickstart",
    )
    command.add_argument(
        "--set",
        dest="sets",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one key of the config, as in --set model.lr=0.01 (may be repeated)",
    )
    command.add_argument(
        "--no-compile-cache",
        dest="compile_cache",
        action="store_false",
        help="do not keep compiled programs for the next process (HPTJAX_COMPILE_CACHE=0 does the "
        "same; HPTJAX_COMPILE_CACHE=DIR keeps them in DIR)",
    )
    return command


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        metavar="SOURCE",
        help="sample, fashion_mnist, tfds:<name> or npz:<path> (default: the config's)",
    )
    command.add_argument(
        "--data-dir", metavar="DIR", help="where the source's files lie (default: downloaded)"
    )
    command.add_argument("--epochs", type=int, metavar="N", help="epochs of each network")
    command.add_argument("--seed", type=int, metavar="N", help="of the search, split and weights")
    command.add_argument(
        "--no-augment",
        dest="augment",
        action="store_false",
        default=None,
        help="train on the images as they are, neither flipped nor rotated",
    )


def _add_run(commands) -> None:
    command = _command(commands, "run", "search the space of a study", RUN_HELP)
    command.add_argument(
        "--strategy",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="one or more of des, grid, random, tpe, or labels of the config's own strategies, run "
        "one after another",
    )
    _add_data(command)
    command.add_argument(
        "--schedule", metavar="NAME", help="full (the default), halving or hyperband"
    )
    command.add_argument(
        "--generations",
        type=int,
        metavar="N",
        help="each strategy may try N x population size candidates",
    )
    command.add_argument(
        "--population-size", type=int, metavar="N", help="candidates trained by one compiled call"
    )
    command.add_argument(
        "--time-budget",
        type=float,
        metavar="S",
        help="seconds for each strategy; it stops before the epoch that would pass them",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the run directory (default: runs/<config>-<strategies>-seed<N>)",
    )
    command.set_defaults(handler=_run, resume_hint="; run the same command again to go on")


def _add_train(commands) -> None:
    command = _command(commands, "train", "train one network", TRAIN_HELP)
    _add_data(command)
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="save config and weights in DIR/best"
    )
    command.set_defaults(handler=_train, resume_hint="")


def _add_describe(commands) -> None:
    command = _command(commands, "describe", "say what a study would do", DESCRIBE_HELP)
    command.set_defaults(handler=_describe, resume_hint="")


# The handlers import what they need: `--help` and a wrong option answer at once.


def _run(args: argparse.Namespace) -> int:
    from hptjax.cli.run import run

    return run(args)


def _train(args: argparse.Namespace) -> int:
    from hptjax.cli.train import train

    return train(args)


def _describe(args: argparse.Namespace) -> int:
    from hptjax.cli.describe import describe

    return describe(args)
