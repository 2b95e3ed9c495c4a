"""Joins the entries inside a model with a space by names, in one normal form."""

from collections.abc import Iterator, Mapping
from typing import Any

from hptjax.config.entry_forms import is_entry, refuse_range
from hptjax.config.hparams import PARTS, bind, chosen_of, meant_by
from hptjax.config.inline import Lifted, lift, lift_entry, lift_kinds
from hptjax.config.items import Item
from hptjax.config.layout import Layout, Nowhere, largest_depths
from hptjax.config.model import AnyModel, Model, read_model
from hptjax.config.parts import NESTED
from hptjax.config.recipe import Recipe
from hptjax.entries import Categorical, Float, Integer, Value
from hptjax.errors import ConfigError, did_you_mean, shown, shown_key
from hptjax.space import Space, entry_from_dict
from hptjax.transpile.apply import apply_bound
from hptjax.transpile.owners import with_conditions


def opened(model: Any, space: Any) -> tuple[Any, Any]:
    """Returns a plain model, and the space of all that is tuned, inside the model and by names.

    space: None, a Space, or its tree, in which a plain value fixes an hparam. A pair in normal form
    is returned as it is. Raises ConfigError naming the path of a mistake.
    """
    if isinstance(model, Model):
        lifted = model.lifted
        model = Model(**lifted.model)
    else:
        lifted = lift(model) if isinstance(model, Mapping) else Lifted({}, {})
    if not lifted.entries and (isinstance(space, Space | None) or not _is_loose(space)):
        return model, space
    base: Any = model if isinstance(model, Recipe) else read_model(lifted.model)
    if space is not None and not isinstance(space, Mapping):
        raise ConfigError(f"space: must be a mapping of hparam name to entry, got {shown(space)}.")
    own = _Given(base, lifted)
    for name, tree in (space or {}).items():
        own.take(name, tree)
    return own.joined()


def closed(model: Any) -> Any:
    """Returns a model with a default for each entry; a model without entries as it is."""
    if isinstance(model, Model):
        return Model(**model.lifted.model) if model.lifted.entries else model
    if not isinstance(model, Mapping):
        return model
    lifted = lift(model)
    return lifted.model if lifted.entries else model


def defaults_of(model: Any) -> dict[str, Value]:
    """Returns the value of each open hparam of a model until a study tunes it, if it is active.

    model: in either form, with entries; without entries, nothing is open.
    """
    lifted = model.lifted if isinstance(model, Model) else lift(model)
    base, space = opened(model, None)
    if space is None:
        return {}
    most = largest_depths(chosen_of(space))
    given = _Given(base, lifted)
    values = {
        one: value for name, value in lifted.defaults.items() for one in given.copies(name, most)
    }
    return with_conditions(space, bind(space, base)).active(values)


def _is_loose(space: Any) -> bool:
    """Tells whether a space's tree holds more than entries in the form that `Space` reads."""
    if not isinstance(space, Mapping):
        return False
    return any(
        (isinstance(tree, Mapping) and is_entry(tree) and not _is_normal(tree))
        or isinstance(tree, bool | int | float | str | list | tuple)
        for tree in space.values()
    )


def _is_normal(tree: Mapping[str, Any]) -> bool:
    return not any(key in tree for key in ("float", "int", "choice", "default", "each"))


class _Given:
    """Collects a model and the space of its hparams."""

    def __init__(self, base: AnyModel, lifted: Lifted) -> None:
        self.base, self.inline = base, lifted
        self.entries: dict[str, Any] = dict(lifted.entries)
        self.fixed: dict[str, Any] = {}

    def take(self, name: Any, tree: Any) -> None:
        """Adds one line of a space."""
        if not isinstance(name, str) or not name:
            raise ConfigError(f"space: the name of an hparam must be text, got {shown(name)}.")
        path = f"space.{shown_key(name)}"
        if name in self.inline.entries:
            raise ConfigError(
                f"{path}: is open at {self.inline.paths[name]}, too; leave one of them out."
            )
        if isinstance(tree, Float | Integer | Categorical):
            self.entries[name] = tree
        elif is_entry(tree):
            self._take_entry(name, dict(tree))
        elif self._is_value(name, tree, path):
            self.fixed[name] = tree
        else:
            entry_from_dict(tree, path)  # raises the error
            self.entries[name] = tree

    def _is_value(self, name: str, tree: Any, path: str) -> bool:
        """Tells whether a tree is a plain value; ConfigError for one that is meant as an entry."""
        last = name.rpartition(".")[2]
        if name in PARTS or name == "augment" or last in NESTED:
            return True
        if isinstance(tree, list | tuple | Mapping):
            refuse_range(tree, path, whole=False)
        return not isinstance(tree, Mapping) and tree is not None

    def _take_entry(self, name: str, tree: dict[str, Any]) -> None:
        each = tree.pop("each", False)
        table = PARTS.get(name) or NESTED.get(name.rpartition(".")[2])
        given = "default" in tree
        item = self._item(name)
        if item is not None:
            default, lifted = lift_kinds(name, tree)
        else:
            default, lifted = lift_entry(name, tree, table)
        for own, entry in lifted.entries.items():
            known = ".".join(self._each(own)) if each and own == name else own
            self.entries[known] = entry
        if given:
            self.fixed[name] = default

    def _item(self, name: str) -> Item | None:
        """Returns the layer that a name stands for by itself."""
        if not isinstance(self.base, Model):
            return None
        try:
            at = Layout(self.base.layers).locate(name)
        except Nowhere:
            return None
        return at.item if not at.rest else None

    def _each(self, name: str) -> list[str]:
        """Returns a name with `*` after each layer that has copies."""
        if not isinstance(self.base, Model):
            raise ConfigError(f"space.{name}.each: the model has no copies of layers.")
        try:
            at = self.base.layout.locate(name)
        except Nowhere as error:
            raise ConfigError(f"space.{name}: {error}") from None
        steps = [
            s for i, _, _ in at.chain for s in (i.label, *(["*"] if i.depth is not None else []))
        ]
        if "*" not in steps:
            raise ConfigError(f"space.{name}.each: there is one copy only; give {at.name} a depth.")
        return [*steps, *at.rest]

    def joined(self) -> tuple[AnyModel, Space | None]:
        """Returns the model with fixed values, and the space, each copy under its own name."""
        tuned = {n: _entry(n, own) for n, own in self.entries.items() if "*" not in n.split(".")}
        chosen = dict(chosen_of(tuned)) | {
            name: [meant_by(name, own)] for name, own in self.fixed.items() if name not in tuned
        }
        entries: dict[str, Any] = {}
        for name, own in self.entries.items():
            for one in self.copies(name, largest_depths(chosen)):
                if one in entries:
                    raise ConfigError(f"space.{one}: is named twice; leave one of them out.")
                entries[one] = _entry(one, own)
        fixed = {
            one: own
            for name, own in self.fixed.items()
            for one in self.copies(name, largest_depths(chosen))
        }
        try:
            targets = bind(fixed, self.base, chosen)
            base = apply_bound(self.base, targets, fixed)[0] if fixed else self.base
        except ConfigError as error:
            raise ConfigError(f"space.{error}") from None
        if fixed and not entries:
            raise ConfigError(
                f"space: nothing is tuned, it only gives plain values ({', '.join(fixed)}); give "
                "an entry, as in lr: {float: [0.0001, 0.1], log: true}."
            )
        return base, Space(entries) if entries else None

    def copies(self, name: str, most: Mapping[str, int]) -> Iterator[str]:
        """Yields the names that a name with `*` stands for; any other name stands for itself."""
        steps = name.split(".")
        if "*" not in steps:
            yield name
            return
        if not isinstance(self.base, Model):
            raise ConfigError(f"space.{name}: the model has no copies of layers.")
        found = Layout(self.base.layers, most).spread(name)
        if not found:
            names = list(self.base.layout.names())
            plain = ".".join(step for step in steps if step != "*")
            raise ConfigError(f"space.{name}: names nothing; {did_you_mean(plain, names)}")
        yield from found


def _entry(name: str, own: Any) -> Any:
    if isinstance(own, Float | Integer | Categorical):
        return own
    return entry_from_dict(own, f"space.{shown_key(name)}")
