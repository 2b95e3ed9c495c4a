"""Builds the values of a YAML text from the events of a parser, by YAML 1.2's core schema.

Plain values have one reading each: `0100` is a hundred, `1e-3` a number; `yes`, `on`, `1_000` and
`2024-13-45` are text. Keys may not repeat, tags are not read, sizes are bounded.
"""

import copy
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from hptjax.errors import shown

DEEPEST = 64  # nested mappings and lists
MOST = 1_000_000  # values, including those that aliases repeat

_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_MERGE = object()  # the key `<<`
_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda text: math.nan),
)


class Mistake(Exception):
    """A mistake in a text, with its line, counted from 1."""

    def __init__(self, event: Any, text: str) -> None:
        super().__init__(text)
        self.line = event.start_mark.line + 1


@dataclass
class _Open:
    """A list or mapping that is being read; before: how many values came before it."""

    value: Any
    anchor: str | None
    before: int
    pending: list[Any] = field(default_factory=list)  # the key that waits for its value
    merged: dict[Any, Any] = field(default_factory=dict)


def build(events: Iterable[Any]) -> Any:
    """The value of one document; raises Mistake if it has no plain value."""
    return _Builder(events).value


class _Builder:
    """Builds the value without recursion, so that no text is too deep."""

    def __init__(self, events: Iterable[Any]) -> None:
        self.value: Any = None
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # None: not complete yet
        self._open: list[_Open] = []
        self._count = self._documents = 0
        for event in events:
            self._take(event)

    def _take(self, event: Any) -> None:
        if isinstance(event, DocumentStartEvent):
            self._document(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            done = self._open.pop()
            value = {**done.merged, **done.value} if done.merged else done.value
            self._put(value, event, done.anchor, self._count + 1 - done.before)
        elif isinstance(event, AliasEvent):
            self._put(self._copied(event), event)
        elif isinstance(event, ScalarEvent):
            self._put(_scalar(event), event, event.anchor)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise Mistake(event, "a second document begins here; give one")
        if event.version is not None and tuple(event.version) != (1, 2):
            raise Mistake(event, "only YAML 1.2 is read; delete the line that begins with %YAML")

    def _begin(self, event: Any) -> None:
        _refuse_tag(event)
        if len(self._open) == DEEPEST:
            raise Mistake(event, f"lists and mappings stand more than {DEEPEST} deep")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        new: Any = {} if isinstance(event, MappingStartEvent) else []
        self._open.append(_Open(new, event.anchor, self._count))

    def _copied(self, event: Any) -> Any:
        """A copy of the value that an alias stands for."""
        known = self._anchors.get(event.anchor)
        if known is None:
            what = "stands in what it names" if event.anchor in self._anchors else "names nothing"
            raise Mistake(event, f"the alias *{event.anchor} {what}")
        value, size = known
        self._count += size
        self._check_count(event)
        return copy.deepcopy(value)

    def _put(self, value: Any, event: Any, anchor: str | None = None, size: int = 1) -> None:
        """Puts a value where it belongs: into the document, a list, or a mapping."""
        self._count += 1
        self._check_count(event)
        if anchor is not None:
            self._anchors[anchor] = value, size
        if not self._open:
            self.value = value
            return
        owner = self._open[-1]
        if isinstance(owner.value, list):
            owner.value.append(value)
        elif not owner.pending:
            owner.pending.append(_key(owner, value, event))
        elif (key := owner.pending.pop()) is _MERGE:
            owner.merged |= _merged(value, event)
        else:
            owner.value[key] = value

    def _check_count(self, event: Any) -> None:
        if self._count > MOST:
            raise Mistake(event, f"more than {MOST:,} values")


def _key(owner: _Open, key: Any, event: Any) -> Any:
    if isinstance(event, ScalarEvent) and event.style is None and event.value == "<<":
        return _MERGE
    if isinstance(key, dict | list):
        raise Mistake(event, f"a key must be a single value, got {shown(key)}")
    if key in owner.value:
        raise Mistake(event, f"key {shown(key)} is given twice")
    return key


def _merged(value: Any, event: Any) -> dict[Any, Any]:
    sources = value if isinstance(value, list) else [value]
    merged: dict[Any, Any] = {}
    for source in reversed(sources):  # the first one wins
        if not isinstance(source, dict):
            raise Mistake(event, "what << merges must be a mapping, or a list of mappings")
        merged |= source
    return merged


def _scalar(event: Any) -> Any:
    if event.tag is not None and str(event.tag) in _TEXT_TAGS:
        return event.value
    _refuse_tag(event)
    return plain_value(event.value, event) if event.style is None else event.value


def plain_value(text: str, event: Any = None) -> Any:
    """The value of a text without quotes."""
    for pattern, convert in _PLAIN:
        if pattern.fullmatch(text):
            try:
                return convert(text)
            except ValueError:  # more digits than Python reads
                raise Mistake(event, "a number in it has too many digits") from None
    return text


def _refuse_tag(event: Any) -> None:
    if event.tag is not None:
        raise Mistake(event, f"a tag such as {shown(str(event.tag))} is not read; leave it out")
