"""Parsers of the commands run, train, describe and calibrate."""

import argparse

import shtab

from hptjax.cli.looking import add_command
from hptjax.cli.texts import CALIBRATE_HELP, DESCRIBE_HELP, RUN_HELP, TRAIN_HELP
from hptjax.paths import user_path


def add_training_commands(commands) -> None:
    """Adds these commands to the subcommands."""
    _add_run(commands)
    _add_train(commands)
    _add_describe(commands)
    _add_calibrate(commands)


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


def add_compile_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--no-compile-cache",
        dest="compile_cache",
        action="store_false",
        default=True,
        help="do not keep compiled programs for the next process (HPTJAX_COMPILE_CACHE=0 does the "
        "same; HPTJAX_COMPILE_CACHE=DIR keeps them in DIR)",
    )


def add_images(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        metavar="SOURCE",
        help="sample, folder:<path>, npz:<path>, ...; hptjax list sources lists all (default: the "
        "config's)",
    )
    command.add_argument(
        "--data-dir", metavar="DIR", help="the folder of the source's files (default: downloaded)"
    )


def _add_training(command: argparse.ArgumentParser) -> None:
    add_images(command)
    command.add_argument("--epochs", type=int, metavar="N", help="epochs of each network")
    command.add_argument(
        "--seed", type=int, metavar="N", help="seed of the search, split and weights"
    )
    command.add_argument(
        "--no-augment",
        dest="augment",
        action="store_false",
        default=None,
        help="train on the images without flips and rotations",
    )


def _add_executor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--executor",
        metavar="NAME",
        help="the executor: local (the default), or ray for workers here or on other machines",
    )
    command.add_argument(
        "--address",
        metavar="WHERE",
        help="address of a running Ray: auto, host:port or ray://host:port (default: a Ray on this "
        "machine, for this run only)",
    )
    command.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="the most workers (default: as many as there is room for)",
    )
    command.add_argument(
        "--resources",
        metavar="YAML",
        help="resources of a worker, as in '{GPU: 1, CPU: 4}' (default: a GPU, or a node's cores)",
    )


def _add_run(commands) -> None:
    command = add_command(commands, "run", "search the space of a study", RUN_HELP)
    _add_config(command)
    command.add_argument(
        "--searcher",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="one or more searchers: des, grid, random, tpe, any other that hptjax list searchers "
        "shows, or labels in the config; they run one after another",
    )
    _add_training(command)
    command.add_argument(
        "--metric", metavar="NAME", help="the metric that ranks trials, such as val_accuracy"
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
        type=float,
        metavar="S",
        help="seconds for each searcher; it stops before an epoch that would exceed them",
    )
    # Options of earlier versions: accepted, and named as typed, but not shown.
    command.add_argument("--strategy", nargs="+", action="extend", help=argparse.SUPPRESS)
    command.add_argument("--time-budget", type=float, help=argparse.SUPPRESS)
    command.add_argument(
        "--keep-best",
        type=int,
        metavar="K",
        help="how many of the best networks are kept; an ensemble is built from several",
    )
    command.add_argument(
        "--warm-start",
        type=user_path,
        metavar="DIR",
        help="try the best trials of another run first (its directory, or a trials.csv)",
    )
    command.add_argument(
        "--best",
        type=int,
        metavar="K",
        help="how many trials of --warm-start (default: the best one)",
    )
    _add_executor(command)
    command.add_argument(
        "--out",
        type=user_path,
        metavar="DIR",
        help="the run directory (default: runs/<config>-<strategies>-seed<N>)",
    )
    add_compile_cache(command)
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
        help="train the kept weights of a run's best network, of --trial, or of an exported file, "
        "for --epochs more",
    )
    command.add_argument(
        "--out", type=user_path, metavar="DIR", help="save config and weights in DIR/best"
    )
    add_compile_cache(command)
    command.set_defaults(handler=_train)


def _add_describe(commands) -> None:
    command = add_command(commands, "describe", "say what a study would do", DESCRIBE_HELP)
    _add_config(command)
    add_images(command)
    add_compile_cache(command)
    command.set_defaults(handler=_describe, only_prints=True)


def _add_calibrate(commands) -> None:
    command = add_command(
        commands, "calibrate", "measure this machine, for better predicted seconds", CALIBRATE_HELP
    )
    command.add_argument(
        "--networks",
        type=int,
        choices=range(1, 5),
        default=4,
        metavar="N",
        help="how many networks, 1 to 4 (default: 4)",
    )
    command.add_argument(
        "--repeats",
        type=_count,
        default=7,
        metavar="N",
        help="epochs of each network; the fastest one counts (default: 7)",
    )
    command.add_argument(
        "--steps",
        type=_count,
        default=300,
        metavar="N",
        help="the most steps of an epoch (default: 300)",
    )
    command.add_argument("--dry-run", action="store_true", help="print the results, write nothing")
    command.set_defaults(handler=_calibrate, compile_cache=False)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) < 10**6):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


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


def _calibrate(args: argparse.Namespace) -> int:
    from hptjax.cli.calibrate import calibrate

    return calibrate(args)
