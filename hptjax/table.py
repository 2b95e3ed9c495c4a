"""Tables of the names that a user may write; there is one table for each kind of part.

A row is a word, as `adam`, or the pattern of a family, as `optax.<name>` or `npz:<path>`. Its
target is a text, `module:attribute`, which is imported only when it is asked for: nobody pays for
the libraries of another part. Other packages add rows by entry points of the group `hptjax.<seam>`,
and a word such as `my_pkg.parts:Lion` needs no row at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import distributions
from typing import Any, Generic, TypeVar

from hptjax.errors import CodeError, ConfigError, did_you_mean, shown, similar
from hptjax.importing import is_place, is_there, load, where_to_run

Row = TypeVar("Row", covariant=True)

OURS = "hptjax"


@dataclass(frozen=True)
class TableRow:
    """A word of a table, or the pattern of a family, and where its target is.

    target: `module:attribute`, or a module alone; package: the distribution that adds the row.
    """

    word: str
    target: str
    package: str = OURS

    @property
    def is_family(self) -> bool:
        """Whether the word is a pattern, which ends in `<name>`."""
        return self.word.endswith(">")

    def argument(self, word: str) -> str | None:
        """The text that stands for the `<name>` of the pattern; None if the word does not match."""
        head = self.word.partition("<")[0]
        return word.removeprefix(head) or None if word.startswith(head) else None

    def claims(self, word: str) -> bool:
        """Whether a word belongs to this row."""
        return self.argument(word) is not None if self.is_family else word == self.word

    def load(self) -> Any:
        """Imports and returns the target; for a family, the function of its argument."""
        return load(self.target)


class Table(Generic[Row]):
    """The words of one seam, each with its target.

    seam: the end of the entry points' group, such as `optimizers` in `hptjax.optimizers`. noun:
    what errors call one of its parts. rows: {word or pattern: "module:attribute"}; the attribute of
    a pattern is a function of the text that stands for <...>. A ConfigError that it raises need not
    say where the word stands: `find` adds that. Parts of other packages are checked. base:
    "module:attribute" of the class that they must derive from. needs: attributes that they must
    have.
    """

    def __init__(
        self,
        seam: str,
        noun: str,
        rows: Mapping[str, str],
        *,
        base: str | None = None,
        needs: Sequence[str] = (),
    ) -> None:
        self.seam, self.noun = seam, noun
        self._own = tuple(TableRow(word, target) for word, target in rows.items())
        self._base, self._needs = base, tuple(needs)

    def __repr__(self) -> str:
        return f"Table({self.seam!r}: {', '.join(self.names())})"

    def __contains__(self, word: object) -> bool:
        """Whether `find` would succeed; imports no part, only the packages around it."""
        if not isinstance(word, str):
            return False
        if any(row.claims(word) for row in self.rows()):
            return True
        return is_place(word) and is_there(word.partition(":")[0])

    def rows(self) -> tuple[TableRow, ...]:
        """All rows, those of other packages last."""
        return self._own + entry_rows().get(self.seam, ())

    def names(self) -> tuple[str, ...]:
        """The words and patterns of all rows, each once."""
        return tuple(dict.fromkeys(row.word for row in self.rows()))

    def row(self, word: Any, path: str) -> TableRow:
        """The row of a word; a word `module:attribute` gets a row of its own.

        path: where the word stands in the user's config, for errors. Raises ConfigError for an
        unknown word, and if two packages have a row for it.
        """
        if not isinstance(word, str):
            raise ConfigError(f"{path}: must be the name of a part, got {shown(word)}.")
        found = [row for row in self.rows() if row.claims(word)]
        found = [row for row in found if not row.is_family] or _narrowest(found)
        if len(found) > 1:
            packages = " and ".join(row.package for row in found)
            raise ConfigError(
                f"{path}: {shown(word)} is a word of {packages}; uninstall one of them, or write "
                f"{' or '.join(row.target for row in found)}."
            )
        if found:
            return found[0]
        if not is_place(word):
            module, dot, attribute = word.rpartition(".")
            place = f"{module}:{attribute}"
            own = f"write {place!r} for a part of your own." if dot and is_place(place) else ""
            names = self.names()
            hint = own or similar(word, names) or self._in_family(word) or did_you_mean(word, names)
            raise ConfigError(f"{path}: unknown {self.noun} {shown(word)}; {hint}")
        return TableRow(word, word, package="")

    def find(self, word: Any, path: str) -> Row:
        """Imports and returns the target of a word; raises ConfigError as `row` and `check` do.

        Also raises ConfigError if a family does not know its argument, or if the module or the
        attribute does not exist.
        """
        row = self.row(word, path)
        found = self._loaded(row, path)
        if row.is_family:
            try:
                found = found(row.argument(word))
            except ConfigError as error:
                raise ConfigError(f"{path}: {error}", error.more) from None
        if row.package != OURS:
            self.check(found, f"{path}: {row.word}")
        return found

    def word_of(self, found: Any) -> str:
        """The word of a class or function; `module:attribute` if the table has no word for it."""
        target = f"{found.__module__}:{found.__qualname__}"
        words = [row.word for row in self._own if row.target == target and not row.is_family]
        return words[0] if words else target

    def members(self, pattern: str) -> tuple[str, ...]:
        """The known words of a family; imports its library.

        The function `members()` in the family's module returns them; without it there are none.
        """
        row = next(row for row in self.rows() if row.word == pattern)
        members = getattr(import_module(row.target.partition(":")[0]), "members", tuple)
        return tuple(pattern.partition("<")[0] + member for member in members())

    def _in_family(self, word: str) -> str:
        """A hint such as "did you mean 'optax.adagrad'?"; empty if no family has this member."""
        for row in self._own:
            if row.is_family:
                try:
                    members = self.members(row.word)
                except ImportError:  # its library is not installed, so it has no members here
                    continue
                found = [own for own in members if own.lower().endswith(f".{word.lower()}")]
                if found:
                    return f"did you mean {found[0]!r}?"
        return ""

    def _loaded(self, row: TableRow, path: str) -> Any:
        if row.package == OURS:
            return row.load()
        module, _, attribute = row.target.partition(":")
        try:
            return row.load()
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise  # the module is there and needs another that is not
            way_out = "" if row.package else f": {where_to_run(module)}"
            raise CodeError(
                f"{path}: unknown {self.noun} {shown(row.word)}; there is no module {module!r} "
                f"to import it from{way_out}."
            ) from None
        except AttributeError:
            known = [name for name in vars(import_module(module)) if not name.startswith("_")]
            hint = did_you_mean(attribute, known)
            raise CodeError(f"{path}: {module} has no {attribute!r}; {hint}") from None

    def check(self, found: Any, where: str) -> None:
        """Raises ConfigError, beginning with `where`, if the object cannot be such a part."""
        lacks = [name for name in self._needs if not hasattr(found, name)]
        if lacks:
            wanted = " and ".join(self._needs)
            raise ConfigError(f"{where} must have {wanted}, it lacks {', '.join(lacks)}.")
        if self._base is None:
            return
        base = load(self._base)
        if not (isinstance(found, type) and issubclass(found, base)):
            raise ConfigError(
                f"{where} must be a class derived from {base.__module__}.{base.__qualname__}, it "
                f"is {shown(found)}."
            )


def _narrowest(families: Sequence[TableRow]) -> list[TableRow]:
    """The rows with the longest text before `<name>`: `a.b.<name>` wins over `a.<name>`."""
    heads = [len(row.word.partition("<")[0]) for row in families]
    return [row for row, head in zip(families, heads, strict=True) if head == max(heads)]


@lru_cache(maxsize=1)
def entry_rows() -> Mapping[str, tuple[TableRow, ...]]:
    """{seam: the rows that other packages add by entry points}; looked up once."""
    packages = list(distributions())
    if not any(f"[{OURS}." in (p.read_text("entry_points.txt") or "") for p in packages):
        return {}  # skips the names of all packages, which take far longer to read
    found: dict[str, dict[TableRow, None]] = {}
    seen: set[str] = set()
    for package in packages:
        name = package.name
        if name in seen:  # an earlier one on the path shadows this one
            continue
        seen.add(name)
        for point in package.entry_points:
            group, dot, seam = point.group.partition(".")
            if group == OURS and dot:
                target = point.value.partition("[")[0].replace(" ", "")
                found.setdefault(seam, {})[TableRow(point.name, target, name)] = None
    return {seam: tuple(rows) for seam, rows in found.items()}
