"""Names in the layers of a model: resolves copies, paths and references."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hptjax.checks import is_number
from hptjax.config.copies import leaves, nesting, pick
from hptjax.config.items import ABSENT, STACK, Item
from hptjax.config.options import DEPTH
from hptjax.config.reference import Ref
from hptjax.errors import ConfigError, did_you_mean

_LONGEST = 16  # length of a chain of references

Index = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a layer: its name, its item, and its number within each depth, outermost first.

    path: the path of the item in the config.
    """

    name: str
    item: Item
    index: tuple[int, ...]
    path: str

    @property
    def where(self) -> str:
        """The place in the config and the name, for errors."""
        return f"{self.path} ({self.name})"


@dataclass(frozen=True, slots=True)
class Located:
    """What a path names: an item, some of its copies (None: all), and the rest of the path.

    chain: the stacks around the item, outermost first, and the item; each with its shared name and
    the copy that the path names.
    """

    chain: tuple[tuple[Item, str, int | None], ...]
    rest: tuple[str, ...]

    @property
    def item(self) -> Item:
        return self.chain[-1][0]

    @property
    def name(self) -> str:
        """The name that all copies share."""
        return self.chain[-1][1]

    @property
    def index(self) -> Index:
        """The number of the copy within each depth."""
        return tuple(copy for item, _, copy in self.chain if item.depth is not None)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(item.label for item, _, _ in self.chain)


class Nowhere(ConfigError):
    """A path names nothing; the text says why, but not the path."""


@dataclass(frozen=True)
class Layout:
    """The layers of a model; most: the largest depths that a space allows, by their names."""

    items: tuple[Item, ...]
    most: Mapping[str, int] = field(default_factory=dict)

    def copies(self) -> Iterator[Copy]:
        """Yields each copy of each layer, in the order of the network."""
        yield from self._copies(self.items, "", "", (), "model.layers")

    def _copies(
        self, items: Sequence[Item], shared: str, before: str, index: tuple[int, ...], path: str
    ) -> Iterator[Copy]:
        for k, item in enumerate(items):
            at, own = f"{path}.{k}", f"{shared}{item.label}"
            count = None if item.depth is None else self.depth(item, own, index, at)
            for j in (None,) if count is None else range(count):
                name = f"{before}{item.label}" + ("" if j is None else f".{j}")
                inner = index if j is None else (*index, j)
                if item.word == STACK:
                    yield from self._copies(
                        item.layers, f"{own}.", f"{name}.", inner, f"{at}.layers"
                    )
                elif item.word != ABSENT:
                    yield Copy(name, item, inner, at)

    def depth(self, item: Item, shared: str, outer: Sequence[int], path: str) -> int:
        """Returns how many copies an item has within one copy of the stacks around it."""
        value = pick(item.depth, outer)
        if not isinstance(value, Ref):
            return self.most.get(f"{shared}.{DEPTH}", value)
        where = f"{path} ({item.label}).{DEPTH}"
        return self.follow(value, where)[0]

    def value(self, copy: Copy, option: str) -> Any:
        """Returns the given value of an option of one copy; a reference is followed."""
        own = pick(copy.item.given[option], copy.index)
        return self.follow(own, f"{copy.where}.{option}")[0] if isinstance(own, Ref) else own

    def root(self, copy: Copy, option: str) -> tuple[str, float]:
        """Returns the name of the option whose value this option takes, and the factor."""
        own = pick(copy.item.given.get(option), copy.index)
        if not isinstance(own, Ref):
            return f"{copy.name}.{option}", 1.0
        _, place, factor = self.follow(own, f"{copy.where}.{option}")
        return place, factor

    def depth_root(self, item: Item, shared: str) -> tuple[str, Callable[[int], int]]:
        """Returns the name of the depth that decides an item's, and the function between both."""
        if not isinstance(item.depth, Ref):
            return f"{shared}.{DEPTH}", lambda value: value
        refs, located, _ = self._chain(item.depth, shared)

        def depth(value: Any) -> int:
            for own in reversed(refs):
                value = own.of(value, shared)
            return value

        return f"{located.name}.{DEPTH}", depth

    def follow(self, ref: Ref, where: str) -> tuple[Any, str, float]:
        """Returns the value of a reference, the name it leads to, and the factor; ConfigError."""
        refs, located, value = self._chain(ref, where)
        option = refs[-1].path.rpartition(".")[2]
        factor = 1.0
        for own in reversed(refs):
            value = own.of(value, where)
            factor *= own.factor
        names = located.name
        if option != DEPTH:
            parts = ((i.label, 0 if k is None else k, i.depth) for i, _, k in located.chain)
            names = ".".join(own if d is None else f"{own}.{k}" for own, k, d in parts)
        return value, f"{names}.{option}", factor

    def _chain(self, ref: Ref, where: str) -> tuple[list[Ref], Located, Any]:
        """Returns the chain of references from this one on, its last place, and the value there."""
        refs = [ref]
        while True:
            located, value = self._read(refs[-1], where)
            if not isinstance(value, Ref):
                return refs, located, value
            refs.append(value)
            if len(refs) > _LONGEST:
                raise ConfigError(f"{where}: {str(ref)!r} names itself.")

    def _read(self, ref: Ref, where: str) -> tuple[Located, Any]:
        try:
            located = self.locate(ref.path)
        except Nowhere:
            located = None
        if located is None or len(located.rest) != 1:
            raise ref.names_nothing(where, names=self.names())
        if located.rest[0] not in (DEPTH, *located.item.known):
            raise ref.names_nothing(where, options=located.item.known)
        [option] = located.rest
        if option == DEPTH:
            if located.item.depth is None:
                raise ConfigError(f"{where}: {str(ref)!r} names nothing: that layer has no depth.")
            value = _shared(located.item.depth, located.index[:-1], ref, where)
            if not isinstance(value, Ref):
                value = self.most.get(f"{located.name}.{DEPTH}", value)
            return located, value
        field = located.item.layer_class.model_fields[option]
        given = located.item.given
        if option not in given and field.is_required():
            raise ConfigError(f"{where}: {str(ref)!r} names an option that is not given.")
        value = given[option] if option in given else field.get_default()
        return located, _shared(value, located.index, ref, where)

    def locate(self, path: str) -> Located:
        """Finds what a path below `model:` names; raises Nowhere if that is not a layer."""
        names = tuple(path.split("."))
        items, chain, shared = self.items, [], ""
        while True:
            label, *rest = names
            item = next((item for item in items if item.label == label), None)
            if item is None:
                raise Nowhere(_no_layer(label, items, shared))
            own, copy = f"{shared}{label}", None
            if rest and rest[0].isdecimal():
                copy = self._copy(item, own, rest)
                rest = rest[1:]
            chain.append((item, own, copy))
            if item.word != STACK or not rest or rest[0] == DEPTH:
                return Located(tuple(chain), tuple(rest))
            items, shared, names = item.layers, f"{own}.", tuple(rest)

    def _copy(self, item: Item, shared: str, rest: Sequence[str]) -> int:
        if item.depth is None:
            raise Nowhere(f"{shared} has no copies, give it a depth.")
        copy, count = int(rest[0]), self.largest(item, shared)
        if copy >= count:
            last = ".".join([shared, str(max(count - 1, 0)), *rest[1:]])
            plural = "copy" if count == 1 else "copies"
            raise Nowhere(
                f"{shared} has at most {count} {plural}, numbered from 0; did you mean {last!r}?"
            )
        return copy

    def largest(self, item: Item, shared: str) -> int:
        """Returns the most copies that an item may have within one copy of the stacks around it."""
        where = f"model.layers ({shared}).{DEPTH}"
        depths = (
            self.follow(own, where)[0] if isinstance(own, Ref) else own
            for own in leaves(item.depth)
        )
        return (
            max(depths)
            if isinstance(item.depth, Ref)
            else self.most.get(f"{shared}.{DEPTH}", max(depths))
        )

    def references(self) -> Iterator[tuple[str, Ref]]:
        """Yields each reference with the name of its option, which all copies share."""
        yield from _references(self.items, "")

    def spread(self, name: str) -> list[str]:
        """Returns the name of each copy that a name with `*` stands for; any other name itself."""
        steps = name.split(".")
        if "*" not in steps:
            return [name]
        names = (copy.name.split(".") for copy in self.copies())
        return [
            ".".join([*own, *steps[len(own) :]])
            for own in names
            if "*" not in steps[len(own) :] and _matches(steps, own)
        ]

    def names(self) -> Iterator[str]:
        """Yields the names of all options of all layers, as all copies share them."""
        yield from _names(self.items, "")


def largest_depths(chosen: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    """Returns the largest value of each tuned depth; chosen: values, or ends, of all hparams."""
    return {
        name: int(max(values) + 0.5)
        for name, values in chosen.items()
        # other values are refused where the name is looked up: not every such name is a depth
        if name.rpartition(".")[2] == DEPTH and values and all(map(is_number, values))
    }


def _matches(steps: Sequence[str], own: Sequence[str]) -> bool:
    """Says whether a name with `*` begins with the name of a copy."""
    return len(own) < len(steps) and all(
        step == label or (step == "*" and label.isdecimal())
        for step, label in zip(steps, own, strict=False)
    )


def _names(items: Sequence[Item], shared: str) -> Iterator[str]:
    for item in items:
        own = f"{shared}{item.label}"
        if item.depth is not None:
            yield f"{own}.{DEPTH}"
        if item.word == STACK:
            yield from _names(item.layers, f"{own}.")
        yield from (f"{own}.{option}" for option in item.known)


def _references(items: Sequence[Item], shared: str) -> Iterator[tuple[str, Ref]]:
    for item in items:
        own = f"{shared}{item.label}"
        for option, value in ((DEPTH, item.depth), *item.options):
            found = (leaf for leaf in leaves(value) if isinstance(leaf, Ref))
            yield from ((f"{own}.{option}", ref) for ref in found)
        yield from _references(item.layers, f"{own}.")


def _shared(value: Any, index: Index, ref: Ref, where: str) -> Any:
    """Returns the value that all copies of an index share; raises ConfigError if they differ."""
    for k in index[len(index) - nesting(value) :]:
        if k is None and len(value.values) > 1:
            path = ref.path.rpartition(".")
            example = f"={path[0]}.0.{path[2]}"
            raise ConfigError(
                f"{where}: {str(ref)!r} differs from copy to copy; name one, as in {example!r}."
            )
        value = value.values[min(k or 0, len(value.values) - 1)]
    return value


def _no_layer(label: str, items: Sequence[Item], shared: str) -> str:
    within = f" in {shared[:-1]}" if shared else ""
    word = label.rstrip("0123456789")
    same = [item.label for item in items if item.word == word]
    if len(same) > 1:
        listed = f"{', '.join(same[:-1])} and {same[-1]}"
        return f"there is no layer {label}{within}; its {word}s are {listed}."
    if same:
        return f"there is no layer {label}{within}; its {word} is {same[0]}."
    labels = [item.label for item in items]
    return f"there is no layer {label}{within}; {did_you_mean(label, labels)}"
