"""Edits lists of layers: writes a value to the place that a path names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hptjax.config.copies import trimmed, updated
from hptjax.config.items import STACK, Item, closed
from hptjax.config.layout import Index, Layout
from hptjax.config.named import Part
from hptjax.config.options import DEPTH, Depth, in_class_order, read_leaf

Path = Sequence[str | int | None]


def with_value(items: Sequence[Item], path: Path, value: Any, name: str) -> tuple[Item, ...]:
    """Returns the items with a value written to a path: a depth, an option, or a whole layer.

    path: `Target.path` below `layers`: the label and the copy (None: all) of each item on the way,
    then the word of a layer and its option, or `depth`. If the layer has another word, it is not
    changed. name: the name of the hparam, for errors.
    """
    return _with(items, path, (), value, name)


def _with(
    items: Sequence[Item], path: Path, index: Index, value: Any, name: str
) -> tuple[Item, ...]:
    label, copy, *rest = path
    out = []
    for item in items:
        if item.label != label:
            out.append(item)
            continue
        own: Any = index if item.depth is None else (*index, copy)
        if item.word == STACK and rest and rest[0] != DEPTH:
            item = replace(item, layers=_with(item.layers, rest, own, value, name))
        elif not rest:
            item = closed(value, item, name, len(own))
        elif rest[0] == DEPTH:
            depth = read_leaf(Depth, DEPTH, value, name)
            item = replace(item, depth=updated(item.depth, index, lambda _, new=depth: new))
        elif rest[0] == item.word:
            item = _with_option(item, [str(step) for step in rest[1:]], own, value, name)
        out.append(item)
    return tuple(out)


def _with_option(item: Item, steps: list[str], index: Index, value: Any, name: str) -> Item:
    cls, (option, *inner) = item.layer_class, steps
    field, given = cls.model_fields[option], item.given
    before = given.get(option, None if field.is_required() else field.get_default())

    def change(leaf: Any) -> Any:
        if not inner:
            return read_leaf(cls, option, value, name)
        assert isinstance(leaf, Part)
        if len(inner) > 1 and leaf.name != inner[0]:
            return leaf
        own = leaf.options
        kept = {key: getattr(own, key) for key in own.model_fields_set}
        return read_leaf(cls, option, {leaf.name: {**kept, inner[-1]: value}}, name)

    given[option] = updated(before, index, change)
    return replace(item, options=in_class_order(cls, given))


def trimmed_items(layout: Layout) -> tuple[Item, ...]:
    """Returns the items without values for copies beyond the depth."""
    return _trimmed(layout.items, layout, "", ())


def _trimmed(
    items: Sequence[Item], layout: Layout, shared: str, counts: tuple[int, ...]
) -> tuple[Item, ...]:
    out = []
    for item in items:
        name, own = f"{shared}{item.label}", counts
        if item.depth is not None:
            own = (*counts, layout.largest(item, name))
            item = replace(item, depth=trimmed(item.depth, counts))
        options = tuple((key, trimmed(value, own)) for key, value in item.options)
        layers = _trimmed(item.layers, layout, f"{name}.", own)
        out.append(replace(item, options=options, layers=layers))
    return tuple(out)
