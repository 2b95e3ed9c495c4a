"""The page of the commands: what `hptjax COMMAND --help` prints."""

import argparse
import os
from collections.abc import Iterator, Mapping
from unittest.mock import patch

from hptjax.cli.main import make_parser
from hptjax_docs.markdown import anchor, escaped, fenced, heading, table


def command_page() -> dict[str, str]:
    """Returns {place in the manual: Markdown}."""
    with patch.dict(os.environ, {"COLUMNS": "88", "NO_COLOR": "1"}):  # argparse's only way
        return {"reference/commands.md": "\n".join(_page())}


def commands() -> Mapping[str, argparse.ArgumentParser]:
    """Returns the parser of each command."""
    return _subparsers(make_parser()).choices


def _subparsers(parser: argparse.ArgumentParser) -> argparse._SubParsersAction:
    return next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))


def _page() -> Iterator[str]:
    parser = make_parser()
    yield "# Commands\n"
    yield f"{escaped(parser.description or '')} What `hptjax COMMAND --help` prints, in full.\n"
    shown = _subparsers(parser)._choices_actions
    rows = [
        [f"[`hptjax {one.dest}`](#{anchor(one.dest)})", escaped(one.help or "")] for one in shown
    ]
    yield table(["command", "does"], rows)
    yield f"{escaped(parser.epilog or '')}\n"
    for name, command in commands().items():
        yield heading(2, f"`hptjax {name}`", anchor(name))
        yield fenced(command.format_help(), "text")
