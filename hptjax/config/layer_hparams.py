"""Hparams of a list of layers: finds what each name means and what it sets in a program."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hptjax.checks import is_number
from hptjax.config.copies import leaves
from hptjax.config.items import ABSENT, spelled_alone
from hptjax.config.layout import Copy, Layout, Located, Nowhere, largest_depths
from hptjax.config.model import Model
from hptjax.config.named import Part, Spelling
from hptjax.config.options import DEPTH, known_options, option_kinds
from hptjax.config.parts import LAYERS, NESTED
from hptjax.config.reference import Ref
from hptjax.config.targets import Chosen, Owner, Rule, Target, ValueType, Variation
from hptjax.config.traced import traced_numbers
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key

_DEEPEST = 2**31  # no network is so deep


def find_in_layers(name: str, config: Model, chosen: Chosen) -> Target:
    """Finds what a name means: a depth, an option, or a choice of layers; raises ConfigError."""
    layout = Layout(config.layers, largest_depths(chosen))
    try:
        at = layout.locate(name)
    except Nowhere as error:
        raise ConfigError(f"{name}: {error}") from None
    own = at.chain[-1][2]
    if at.rest == (DEPTH,) and at.item.depth is not None and own is None:
        path = ("layers", *_steps(at), DEPTH)
        _refuse_reference(name, at.item.depth)
        for value in chosen.get(name, ()):
            if not is_number(value):
                raise ConfigError(f"{name}: must be a whole number, got {shown(value)}.")
        rule = Rule(name, (), DEPTH, "int", "static")
        return Target(rule, path, tuple(_depth_owners(at, layout, outer=True)))
    if not at.rest:
        if own is not None:
            raise ConfigError(f"{name}: the copies of {at.name} are of one kind; name {at.name}.")
        rule = Rule(name, (), at.item.label, "part", "static")
        return Target(rule, ("layers", *_steps(at)), tuple(_depth_owners(at, layout, outer=True)))
    return _option(name, at, layout, chosen)


def check_references(config: Model, chosen: Chosen) -> None:
    """Raises ConfigError if some networks of a space lack the layer that a reference names."""
    layout = Layout(config.layers, largest_depths(chosen))
    for name, ref in layout.references():
        at = layout.locate(ref.path)
        for k, (item, shared, copy) in enumerate(at.chain):
            depth, lowest = "", math.inf
            if item.depth is not None:
                depth, of = layout.depth_root(item, shared)
                lowest = min(
                    (of(int(least + 0.5)) for least in chosen.get(depth, ())), default=lowest
                )
            own_depth = k == len(at.chain) - 1 and at.rest == (DEPTH,)
            if shared in chosen or ((copy or 0) >= lowest and not own_depth):
                why = shared if shared in chosen else depth
                raise ConfigError(
                    f"model.{name}: {str(ref)!r} may not be there, for {why} is tuned; name what "
                    "always is."
                )


def _refuse_reference(name: str, value: Any) -> None:
    for leaf in leaves(value):
        if isinstance(leaf, Ref):
            raise ConfigError(f"{name}: is a reference, {str(leaf)!r}; tune what it names.")


def _steps(at: Located) -> tuple[str | int | None, ...]:
    """Returns the path of an item: the label and the copy, or ALL, of each item on the way."""
    return tuple(step for item, _, copy in at.chain for step in (item.label, copy))


def _option(name: str, at: Located, layout: Layout, chosen: Chosen) -> Target:
    """Finds an option: `conv0.kernel_size`, or `pool.max_pool.size` in a choice of layers."""
    owners = list(_depth_owners(at, layout))
    rest, word = at.rest, at.item.word
    words = [_word(meaning) for meaning in chosen.get(at.name, ())]
    if words:
        rest = _within(name, at, words)
        word = at.rest[0]
        owners.append(Owner(at.name, words=(word,)))
    if word in (ABSENT, "stack"):
        known = [f"{at.name}.{option}" for option in (DEPTH,) if at.item.depth is not None]
        labels = [f"{at.name}.{own.label}" for own in at.item.layers]
        raise ConfigError(f"{name}: unknown hparam; {did_you_mean(name, [*known, *labels])}")
    cls = LAYERS.find(word, name)
    option, *inner = rest
    start = name.removesuffix(".".join(rest))
    if option not in known_options(word, cls):
        depth = [DEPTH] if at.item.depth is not None else []
        known = [f"{start}{own}" for own in (*known_options(word, cls), *depth)]
        raise ConfigError(f"{shown_key(name)}: unknown hparam; {_near(option, start, known)}")
    if word == at.item.word:
        _refuse_reference(name, at.item.given.get(option))
    path = ("layers", *_steps(at), word, *rest)
    if inner:
        value, more = _nested(name, at, f"{start}{option}", option, inner, chosen)
        rule = Rule(name, (), inner[-1], value, "static")
        return Target(rule, path, (*owners, *more))
    kind = kind_of(cls, option, chosen.get(name, ()))
    rule = Rule(name, (), option, type_of(cls, option), kind)
    places = () if kind == "static" else tuple(_places(at, layout, option))
    return Target(rule, path, tuple(owners), places)


def _near(option: str, start: str, known: Sequence[str]) -> str:
    """A hint at what was meant; looks up words of other tools without the label before them."""
    options = [name.removeprefix(start) for name in known]
    hint = did_you_mean(option, options)
    for own in sorted(options, key=len, reverse=True):
        hint = hint.replace(repr(own), repr(f"{start}{own}"))
    return hint


def _within(name: str, at: Located, words: Sequence[str]) -> tuple[str, ...]:
    """Returns the steps behind the layer's word in a name; raises ConfigError without a word."""
    word, *rest = at.rest
    if word in words and rest:
        return tuple(rest)
    have = [w for w in dict.fromkeys(words) if w != ABSENT and word in _known(w)]
    if have:
        names = " or ".join(repr(f"{at.name}.{w}.{'.'.join(at.rest)}") for w in have)
        raise ConfigError(f"{name}: {at.name} is a choice of layers; name which: {names}.")
    known = [f"{at.name}.{w}.{option}" for w in dict.fromkeys(words) for option in _known(w)]
    raise ConfigError(f"{name}: unknown hparam; {did_you_mean(name, known)}")


def _known(word: str) -> tuple[str, ...]:
    return () if word == ABSENT else known_options(word, LAYERS.find(word, "model.layers"))


def _word(meaning: Any) -> str:
    if isinstance(meaning, Part):
        return meaning.name
    return spelled_alone(meaning, "space").word


def _nested(
    name: str, at: Located, start: str, option: str, inner: Sequence[str], chosen: Chosen
) -> tuple[ValueType, list[Owner]]:
    """Finds an option of a layer's norm: its type, and the owners that must be chosen for it."""
    table = NESTED.get(option)
    if table is None:
        raise ConfigError(f"{name}: unknown hparam; {start} has no options.")
    may_be = chosen.get(start) or chosen.get(f"{at.name}.{option}")
    owners: list[Owner] = []
    if may_be is not None:
        words = [Spelling.of(own, start, f"{start}: must name a part").word for own in may_be]
        if inner[0] not in words or len(inner) != 2:
            known = [f"{start}.{w}.{o}" for w in words for o in table.find(w, name).model_fields]
            same = [full for full in known if full.endswith(f".{inner[-1]}")]
            if same and len(inner) == 1:
                which = " or ".join(map(repr, same))
                raise ConfigError(f"{name}: {start} is a choice; name which: {which}.")
            raise ConfigError(f"{name}: unknown hparam; {did_you_mean(name, known)}")
        word = inner[0]
        owners.append(Owner(start if start in chosen else f"{at.name}.{option}", words=(word,)))
    else:
        value = at.item.given.get(option)
        leaf = (
            value if isinstance(value, Part) else at.item.layer_class.model_fields[option].default
        )
        word = leaf.name
    cls = table.find(word, name)
    if inner[-1] not in cls.model_fields:
        known = [f"{start}.{own}" for own in cls.model_fields]
        raise ConfigError(f"{name}: unknown hparam; {did_you_mean(name, known)}")
    return type_of(cls, inner[-1]), owners


def type_of(cls: Any, option: str) -> ValueType:
    """Returns the type to which values of an option are cast."""
    kinds = option_kinds(cls, option) - {type(None)}
    if kinds == {float}:
        return "float"
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int"
    if int in kinds:
        return "value"
    return "part" if any(issubclass(kind, Part) for kind in kinds) else "text"


def kind_of(cls: Any, option: str, chosen: Sequence[Any] = ()) -> Variation:
    """Says how an option may vary within one program: traced, width or static."""
    if option in cls.widths:
        return "width"
    if option in cls.choices:
        words = [_spelled_word(own) for own in chosen]
        return "traced" if cls.is_traced(option, words) else "static"
    return "traced" if option in traced_numbers(cls) else "static"


def _spelled_word(own: Any) -> str:
    """The word of a chosen part; the text of any other value."""
    if isinstance(own, Part):
        return own.name
    if not isinstance(own, Mapping):
        return str(own)
    return Spelling.of(own, "space", "space: must name what is chosen").word


def _depth_owners(at: Located, layout: Layout, *, outer: bool = False) -> Iterator[Owner]:
    """Yields the depths that must exceed the number of a copy; outer: all but the item's own."""
    for item, shared, copy in at.chain[: -1 if outer else None]:
        if item.depth is not None:
            name, of = layout.depth_root(item, shared)
            # the depth may be a rounded multiple of another: `least` is the smallest of that with
            # this copy
            least = bisect_right(range(_DEEPEST), copy or 0, key=of)
            yield Owner(name, copy=least - 1)


def _places(at: Located, layout: Layout, option: str) -> Iterator[tuple[str, float]]:
    """Yields what an option sets: its copies, and all references to them, with factors."""
    own = {f"{copy.name}.{option}" for copy in layout.copies() if is_copy(copy, at)}
    for copy in layout.copies():
        known = copy.item.known
        if f"{copy.name}.{option}" in own and option not in known:
            yield f"{copy.name}.{option}", 1.0
        for name in known:
            place, factor = layout.root(copy, name)
            if place in own:
                yield f"{copy.name}.{name}", factor


def is_copy(copy: Copy, at: Located) -> bool:
    """Says whether a path names this copy."""
    labels = tuple(step for step in copy.name.split(".") if not step.isdecimal())
    if labels != at.labels:
        return False
    return all(own in (None, k) for own, k in zip(at.index, copy.index, strict=True))
