"""`hptjax list`: lists the names that a config may have, and the options of each."""

import argparse
import itertools
import re
from typing import Protocol

from rich.console import RenderableType

from hptjax.cli.parts import ListedTable
from hptjax.cli.tables import CONFIGS, METRICS, SHELVES, Shelf
from hptjax.config.load import find_config, packaged_configs
from hptjax.config.parts import TASKS
from hptjax.errors import ConfigError, did_you_mean
from hptjax.records.goal import goal_of_name
from hptjax.records.metrics import MEASURES, VAL, measure_of
from hptjax.report.terminal import PlainTable, make_console
from hptjax.study.metric_table import METRICS as METRIC_TABLE

SENTENCE_END = re.compile(r"\.(?= [A-Z]|$)")


class Listed(Protocol):
    """A table that can be listed: its words, a line or two about each, and a text about one."""

    def words(self) -> list[str]:
        """The words for an overview; imports no part."""
        ...

    def abouts(self) -> list[tuple[str, str]]:
        """Each word with a line about it."""
        ...

    def text(self, word: str) -> str:
        """The whole text about one word; ConfigError for an unknown word."""
        ...


def list_names(args: argparse.Namespace) -> int:
    """Prints the tables, the names of one table, or the text about one name."""
    console = make_console()
    if args.table is None:
        overview = [(name, ", ".join(one.words())) for name, one in everything().items()]
        console.print(_columns(overview))
        console.print(
            "hptjax list TABLE says what each is, hptjax list TABLE NAME shows its options."
        )
    elif args.name is None:
        console.print(_columns(everything()[args.table].abouts()))
    else:
        text = everything()[args.table].text(args.name)
        console.print(text.removesuffix("\n"), soft_wrap=True)
    return 0


def everything() -> dict[str, Listed]:
    """{word of the command line: table}."""
    tables = {name: ListedTable(name, shelf) for name, shelf in SHELVES.items()}
    return {CONFIGS: ListedConfigs(), **tables, METRICS: ListedMetrics()}


def _columns(rows: list[tuple[str, str]]) -> RenderableType:
    table = PlainTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table


def first_comment(text: str) -> str:
    """The first paragraph of a file's comment."""
    lines = itertools.takewhile(lambda line: line.startswith("# "), text.split("\n"))
    return " ".join(line.removeprefix("# ") for line in lines)


class ListedConfigs:
    """The configs that come with the package."""

    def words(self) -> list[str]:
        return list(packaged_configs())

    def abouts(self) -> list[tuple[str, str]]:
        texts = {name: first_comment(self._read(name)) for name in self.words()}
        return [(name, SENTENCE_END.split(text)[0]) for name, text in texts.items()]

    def text(self, word: str) -> str:
        _check(CONFIGS, word, self.words())
        return self._read(word)

    def _read(self, name: str) -> str:
        return find_config(name).read_text(encoding="utf-8")


class ListedMetrics:
    """The metrics that a study may name: the measures of all tasks, and the rows of a table."""

    def __init__(self) -> None:
        self._rows = ListedTable(METRICS, Shelf("hptjax.study.metric_table:METRICS", "metric"))

    def words(self) -> list[str]:
        return [*self._measures(), *self._rows.words()]

    def abouts(self) -> list[tuple[str, str]]:
        measures = [(word, self._about(word)) for word in self._measures()]
        return [*measures, *self._rows.abouts()]

    def text(self, word: str) -> str:
        if word in METRIC_TABLE:
            return self._rows.text(word)
        if word not in self._measures() and goal_of_name(word) is None:
            _check(METRICS, word, self.words())
        return f"# {self._about(word)}.\nmetric: {word}"

    def _measures(self) -> list[str]:
        words = (VAL + measure for measure in MEASURES)
        return [word for word in words if word not in METRIC_TABLE]

    def _about(self, word: str) -> str:
        example = word.replace("<k>", "1").replace("<class>", "0")
        goal = goal_of_name(example)
        assert goal is not None  # a measure of hptjax's own
        kinds = {name: TASKS.find(name, "tasks") for name in TASKS.names() if "<" not in name}
        having = [name for name, kind in kinds.items() if kind().find(measure_of(example))]
        return f"{goal.better} is better; of {', '.join(having)}"


def _check(table: str, word: str, known: list[str]) -> None:
    if word not in known:
        raise ConfigError(f"{table}: there is no {word!r}; {did_you_mean(word, known)}")
