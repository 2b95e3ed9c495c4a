"""The command line: parses, dispatches, and turns users' mistakes into one line and exit code 2."""

import argparse
import errno
import sys
from collections.abc import Sequence
from typing import NoReturn

import shtab

from hptjax import __version__
from hptjax.cli.looking import add_help, add_looking
from hptjax.cli.process import CLOSED_PIPE, EXIT_CODES, MISTAKE, OutputClosed, Process, say
from hptjax.cli.training import add_training_commands
from hptjax.cli.using import add_data_command, add_network_commands
from hptjax.devices import set_up
from hptjax.errors import ConfigError, MissingExtraError, did_you_mean, shown
from hptjax.importing import import_from

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
        raise SystemExit(MISTAKE)


def entry() -> int:
    """The process `hptjax`: its streams and signals, around one command."""
    process = Process()
    process.guard()
    process.tell_warnings()
    process.take_signals()
    import_from([""])  # the folder of the shell, as `python -m hptjax` has it
    return main(process=process)


def main(argv: Sequence[str] | None = None, process: Process | None = None) -> int:
    """Runs one command; returns its exit code, one of EXIT_CODES.

    141 is of commands that only print. 1 is returned by none: what is no user's mistake is raised.
    """
    process = process or Process()
    try:
        parser = make_parser()
        args, unknown = parser.parse_known_args(argv)
        if unknown:
            hint = "; --set KEY=VALUE changes any key of the config" * hasattr(args, "sets")
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        process.resume_hint = args.resume_hint
        process.only_prints(args.only_prints)
        if args.compile_cache is not None:
            set_up(compile_cache=args.compile_cache)
        code = args.handler(args)
        sys.stdout.flush()  # while an error can still be reported
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
    return MISTAKE


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="hptjax",
        description="Search hyperparameters of small image classifiers: whole populations of "
        "different networks are trained by one compiled call.",
        epilog="Start with  hptjax run quickstart  (a minute or two, no download). "
        "hptjax COMMAND --help says more. Exit codes: "
        + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
        + ".",
    )
    parser.add_argument("--version", action="version", version=f"hptjax {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    add_training_commands(commands)
    add_data_command(commands)
    add_looking(commands)
    add_network_commands(commands)
    add_help(parser, commands)
    for owner in (parser, *commands.choices.values()):
        owner.set_defaults(parser=owner)  # its --help is the one that an error points to
    shtab.add_argument_to(
        parser, "--print-completion", help="print the completion script of a shell"
    )
    return parser
