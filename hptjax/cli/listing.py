"""`hptjax list`: the names that may stand in a config, and what each can be told."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hptjax.config.load import find_config, packaged_configs
from hptjax.config.yaml_file import dump_yaml
from hptjax.data.sources import SOURCES
from hptjax.errors import ConfigError, did_you_mean
from hptjax.report.terminal import make_console
from hptjax.strategies.table import SEARCHERS
from hptjax.study.executors import EXECUTORS
from hptjax.study.metric import METRICS
from hptjax.study.schedules import SCHEDULES


@dataclass(frozen=True)
class Listed:
    """A table that can be listed: its names, and the text about one of them."""

    names: Callable[[], Iterable[str]]
    text: Callable[[str], str]


def list_names(args: argparse.Namespace) -> int:
    """Prints the tables, the names of one, or what stands behind a name."""
    if args.table is None:
        lines = [f"{name}: {', '.join(table.names())}" for name, table in TABLES.items()]
    elif args.name is None:
        lines = list(TABLES[args.table].names())
    else:
        known = list(TABLES[args.table].names())
        if args.name not in known:
            hint = did_you_mean(args.name, known)
            raise ConfigError(f"{args.table}: there is no {args.name!r}; {hint}")
        lines = [TABLES[args.table].text(args.name)]
    console = make_console()
    for line in lines:
        console.print(line.removesuffix("\n"), soft_wrap=True)
    return 0


def _config(name: str) -> str:
    return find_config(name).read_text(encoding="utf-8")


def _searchers() -> list[str]:
    rows = [
        (SEARCHERS.members(row.word) if row.is_family else (row.word,)) for row in SEARCHERS.rows()
    ]
    return [word for words in rows for word in words]


def _searcher(name: str) -> str:
    return _options(name, SEARCHERS.find(name, "searchers").Options)


def _executor(name: str) -> str:
    return _options(name, EXECUTORS.find(name, "executors").Options)


def _schedule(name: str) -> str:
    return _options(name, SCHEDULES.find(name, "schedules"), without=("epochs",))


def _options(name: str, model: type[BaseModel], without: Iterable[str] = ()) -> str:
    """What a part can be told, as YAML: each option with its default, or `required`."""
    fields = {key: field for key, field in model.model_fields.items() if key not in without}
    if not fields:
        return f"{name} takes no options."
    tree: Mapping[str, Any] = {"name": name} | {
        key: "required" if field.default is PydanticUndefined else plain(field.default)
        for key, field in fields.items()
    }
    return dump_yaml(dict(tree))


def plain(value: Any) -> Any:
    """A default as YAML has it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return str(value)


TABLES = {
    "configs": Listed(packaged_configs, _config),
    "searchers": Listed(_searchers, _searcher),
    "sources": Listed(SOURCES.names, lambda name: f"data: {{source: '{name}'}}"),
    "executors": Listed(EXECUTORS.names, _executor),
    "schedules": Listed(SCHEDULES.names, _schedule),
    "metrics": Listed(
        lambda: METRICS, lambda name: f"metric: {name}  # {METRICS[name].better} is better"
    ),
}
