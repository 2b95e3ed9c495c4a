"""Parsers of the commands that need no JAX: status, watch, report, list, help."""

import argparse

from hptjax.cli.tables import CONFIGS, METRICS, SHELVES
from hptjax.cli.texts import LIST_HELP, REPORT_HELP, STATUS_HELP, WATCH_HELP
from hptjax.paths import user_path

DAY = 86400.0


def add_looking(commands) -> None:
    """Adds these commands to the subcommands."""
    _add_status(commands)
    _add_watch(commands)
    _add_report(commands)
    _add_list(commands)


def add_command(commands, name: str, short: str, text: str) -> argparse.ArgumentParser:
    """Adds a subcommand, which sets up no JAX unless its options say so."""
    command = commands.add_parser(
        name, help=short, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.set_defaults(resume_hint="", compile_cache=None, only_prints=False)  # None: without JAX
    return command


def seconds(text: str) -> float:
    """Reads a duration between two looks."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < DAY:
        raise argparse.ArgumentTypeError(f"must be seconds above 0 and below a day, got {text!r}")
    return value


def _add_status(commands) -> None:
    command = add_command(commands, "status", "say how far a run is", STATUS_HELP)
    command.add_argument("run", type=user_path, metavar="DIR", help="the run directory")
    command.set_defaults(handler=_status, only_prints=True)


def _add_watch(commands) -> None:
    command = add_command(commands, "watch", "show a run while it goes", WATCH_HELP)
    command.add_argument("run", type=user_path, metavar="DIR", help="the run directory")
    command.add_argument("--once", action="store_true", help="print the present state and end")
    command.add_argument(
        "--every", type=seconds, default=2.0, metavar="S", help="seconds between looks (default: 2)"
    )
    command.set_defaults(handler=_watch, only_prints=True)


def _add_report(commands) -> None:
    command = add_command(commands, "report", "write a page about runs", REPORT_HELP)
    command.add_argument(
        "runs",
        type=user_path,
        nargs="+",
        metavar="DIR",
        help="run directories",
    )
    command.add_argument(
        "--out",
        type=user_path,
        metavar="DIR",
        help="where to write (default: report/ in the run; for several runs, here)",
    )
    command.add_argument(
        "--formats",
        nargs="+",
        choices=("png", "svg", "pdf"),
        default=["png"],
        help="formats of the files in figures/ (default: png)",
    )
    command.add_argument("--open", action="store_true", help="show it in the browser")
    command.set_defaults(handler=_report)


def _add_list(commands) -> None:
    command = add_command(commands, "list", "list what a config may name", LIST_HELP)
    tables = (CONFIGS, *SHELVES, METRICS)
    *others, last = tables
    command.add_argument(
        "table",
        nargs="?",
        choices=tables,
        metavar="TABLE",
        help=f"{', '.join(others)} or {last} (default: all)",
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="the name to say more about")
    command.set_defaults(handler=_list, only_prints=True)


def add_help(parser: argparse.ArgumentParser, commands) -> None:
    """Adds `help`, which is also the default; to be called after all other commands."""
    bare = {"resume_hint": "", "compile_cache": None, "only_prints": True}
    parser.set_defaults(handler=show_help, command=None, whole=parser, **bare)
    command = add_command(commands, "help", "say how a command is used", "")
    command.add_argument(
        "command",
        nargs="?",
        choices=tuple(commands.choices),
        metavar="COMMAND",
        help="the command (default: a line about each)",
    )
    command.set_defaults(handler=show_help, only_prints=True, parsers=commands.choices)


# The handlers import what they need: `--help` and a wrong option answer at once.


def _status(args: argparse.Namespace) -> int:
    from hptjax.cli.status import status

    return status(args)


def _watch(args: argparse.Namespace) -> int:
    from hptjax.cli.watch import watch

    return watch(args)


def _report(args: argparse.Namespace) -> int:
    from hptjax.cli.report import report

    return report(args)


def _list(args: argparse.Namespace) -> int:
    from hptjax.cli.listing import list_names

    return list_names(args)


def show_help(args: argparse.Namespace) -> int:
    """Prints the help of a command, or of all."""
    parser = args.whole if args.command is None else args.parsers[args.command]
    parser.print_help()
    return 0
