"""The texts of `hptjax list` about a table of parts, and about one part with its options."""

import inspect
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hptjax.cli.kinds import kinds_of, plain
from hptjax.cli.tables import Shelf
from hptjax.config.layer_hparams import kind_of
from hptjax.config.named import main_option, options_of
from hptjax.config.options import known_options
from hptjax.config.yaml_file import dump_yaml
from hptjax.errors import ConfigError, did_you_mean
from hptjax.table import OURS, TableRow

# {option of a layer: the table of its words}
_TABLES = {"norm": "norms", "activation": "activations", "function": "activations"}
_VARIES = {"width": "padded", "traced": "traced", "static": "static"}
COMMENT_WIDTH = 80  # of texts that users may save as files


@dataclass(frozen=True)
class ListedTable:
    """A table of parts; seam: its word on the command line."""

    seam: str
    shelf: Shelf

    def words(self) -> list[str]:
        """The words of all rows; rows of other packages have the package's name."""
        return [_marked(row) for row in self.shelf.table.rows()]

    def abouts(self) -> list[tuple[str, str]]:
        """Each word with its first sentence, families with their members; imports all of them."""
        return [(_marked(row), self._about(row)) for row in self.shelf.table.rows()]

    def text(self, word: str) -> str:
        """The options of one word with their defaults, as YAML with comments."""
        table = self.shelf.table
        if word in self.shelf.written:
            return self.shelf.written[word]
        for row in table.rows():
            if row.is_family and row.word == word:
                return self._about(row)
        if word not in table:
            hint = did_you_mean(word, table.names())
            raise ConfigError(f"{self.seam}: there is no {word!r}; {hint}")
        found, row = table.find(word, self.seam), table.row(word, self.seam)
        model = options_of(found)
        own = f"From the package {row.package}." if row.package not in (OURS, "") else ""
        about = _doc(found) or (_doc(row.load()) if row.is_family else "")
        options = _options(self.shelf, word, model)
        usage = options.startswith(self.shelf.usage(word))
        texts = (own, about) if usage else (own, about, _doc(model), self.shelf.place)
        return _comments(dict.fromkeys(filter(None, texts))) + options

    def _about(self, row: TableRow) -> str:
        table = self.shelf.table
        try:
            members = table.members(row.word) if row.is_family else ()
            found = row.load() if row.is_family else table.find(row.word, row.word)
        except (
            ConfigError,
            ImportError,
            AttributeError,
        ) as error:  # of another package, or of a missing extra
            return f"cannot be used: {error}"
        first = _doc(found).split("\n")[0].removesuffix(".")
        return "\n".join(filter(None, (first, ", ".join(members))))


def _marked(row: TableRow) -> str:
    return row.word if row.package == OURS else f"{row.word} ({row.package})"


def _doc(found: Any) -> str:
    """The docstring of a part, or its `about`."""
    named = inspect.isclass(found) or inspect.isroutine(found) or inspect.ismodule(found)
    return inspect.cleandoc((found.__doc__ if named else getattr(found, "about", "")) or "")


def _comments(texts: Iterable[str]) -> str:
    paragraphs = [paragraph for text in texts for paragraph in text.split("\n\n")]
    lines = [
        line
        for paragraph in paragraphs
        for line in textwrap.wrap(
            " ".join(paragraph.split()), COMMENT_WIDTH - 2, break_on_hyphens=False
        )
    ]
    return "".join(f"# {line}\n" for line in lines)


def _options(shelf: Shelf, word: str, model: Any) -> str:
    """The options that a user can give, as YAML; for a part without options, its usage."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return shelf.usage(word)
    names = known_options(word, model) if shelf.of_layers else tuple(model.model_fields)
    fields = {key: model.model_fields[key] for key in names if key not in shelf.hidden}
    if not fields:
        return f"{shelf.usage(word)}  # takes no options"
    lines = [_option(shelf, word, model, key, field) for key, field in fields.items()]
    if shelf.of_layers:
        return f"{word}:\n{textwrap.indent(''.join(lines), '  ')}"
    return dump_yaml({"name": word}) + "".join(lines)


def _option(shelf: Shelf, word: str, model: type[BaseModel], key: str, field: FieldInfo) -> str:
    """One option with its default and its allowed values."""
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    line = dump_yaml({key: "REQUIRED" if field.is_required() else plain(default)})
    if line.count("\n") > 1:
        return line
    table = _TABLES.get(key) if shelf.of_layers else None
    kind = "" if isinstance(default, bool) else kinds_of(model).get(key, "")
    kind = f"of `hptjax list {table}`" if table else kind
    varies = _VARIES[kind_of(model, key)] if shelf.of_layers else ""
    main = f"`{word}: VALUE` sets it" if key == main_option(model) else ""
    said = "; ".join(filter(None, (kind, varies, main)))
    return f"{line.rstrip()}  # {said}\n" if said else line
