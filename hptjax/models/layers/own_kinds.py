"""A user's Flax class, linen or nnx: its arguments, its variables, and its calls.

Weights and statistics are named by their paths, joined with dots: "Conv_0.kernel".
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_type_hints

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import nnx
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array

from hptjax.errors import CodeError, ConfigError, shown
from hptjax.importing import is_place, load, where_to_run, without_class

Arrays = Mapping[str, Array]

_MODES = {  # arguments of a call that say whether the network is trained
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
}
_OUTPUTS = ("num_classes", "outputs")
_CHANNELS = ("in_features", "in_channels")
_KEPT = "only weights and batch statistics are kept from step to step"


class Variables(NamedTuple):
    """The variables of a network, by name: trained ones, and statistics."""

    weights: dict[str, Any]
    statistics: dict[str, Any]


@dataclass(frozen=True)
class Kind(ABC):
    """A user's class. place: as `module:Class`. cls: the class itself."""

    place: str
    cls: Any

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """Returns the constructor's arguments that the user gives."""
        ours = (*self._ours, self.outputs)
        given = _parameters(self.cls.__init__)
        return {name: parameter for name, parameter in given.items() if name not in ours}

    @property
    def annotations(self) -> dict[str, Any]:
        """Returns the types of the constructor's arguments that are annotated."""
        try:
            found = get_type_hints(self.cls.__init__)
        except NameError:  # a name that is imported only for type checkers
            found = {name: own.annotation for name, own in self.options.items()}
        unknown = inspect.Parameter.empty
        return {name: own for name, own in found.items() if own is not unknown}

    @property
    def channels(self) -> str | None:
        """The constructor's argument for the number of the images' channels, if it has one."""
        given = _parameters(self.cls.__init__)
        return next((name for name in _CHANNELS if is_needed(given.get(name))), None)

    @property
    def numbers(self) -> dict[str, inspect.Parameter]:
        """Returns the call's arguments that are numbers to tune: all but x and those of _MODES."""
        _, *rest = _parameters(self.cls.__call__).items()
        return {name: parameter for name, parameter in rest if name not in _MODES}

    @property
    def outputs(self) -> str | None:
        """The constructor's argument for the number of outputs, if it has one."""
        given = _parameters(self.cls.__init__)
        return next((name for name in _OUTPUTS if name in given), None)

    @property
    def _ours(self) -> tuple[str, ...]:
        return ()

    def made(self, arguments: Mapping[str, Any], outputs: int, channels: int, **more: Any) -> Any:
        """Returns an instance of the class."""
        named = {self.outputs: outputs, self.channels: channels}
        named = {name: value for name, value in named.items() if name is not None}
        return self.cls(**{**named, **arguments}, **more)

    def modes(self, train: bool) -> dict[str, bool]:
        """Returns the arguments of the call that say whether the network is trained."""
        given = _parameters(self.cls.__call__)
        return {name: train is says for name, says in _MODES.items() if name in given}

    @abstractmethod
    def init(self, how: Any, x: Any, numbers: Mapping[str, Any], key: Array) -> Variables:
        """Draws the first weights and statistics. how: the arguments of `made`."""

    @abstractmethod
    def apply(
        self,
        how: Any,
        variables: Variables,
        x: Array,
        numbers: Mapping[str, Any],
        train: bool,
        key: Array | None,
    ) -> tuple[Array, dict[str, Array]]:
        """Returns the outputs [B, K] for x [B, H, W, C] and, in training, the new statistics."""


class Linen(Kind):
    """A class of `flax.linen`."""

    @property
    def _ours(self) -> tuple[str, ...]:
        return "parent", "name"

    def init(self, how: Any, x: Any, numbers: Mapping[str, Any], key: Array) -> Variables:
        made = self.made(*how)
        tree = nn.meta.unbox(made.init(key, x, **self.modes(False), **numbers))
        for name in tree.keys() - {"params", "batch_stats"}:
            first = next(iter(flat(tree[name])), "")
            raise ConfigError(
                f"{self.place}: has the collection {name!r} ({first}), but {_KEPT}: keep it in "
                "'batch_stats', or do without."
            )
        return Variables(flat(tree.get("params", {})), flat(tree.get("batch_stats", {})))

    def apply(
        self,
        how: Any,
        variables: Variables,
        x: Array,
        numbers: Mapping[str, Any],
        train: bool,
        key: Array | None,
    ) -> tuple[Array, dict[str, Array]]:
        tree = {
            "params": unflat(variables.weights),
            "batch_stats": unflat(variables.statistics),
        }
        # streams of other names than dropout fall back on params
        rngs = None if key is None else {"dropout": key, "params": jax.random.fold_in(key, 1)}
        y, new = self.made(*how).apply(
            tree, x, **self.modes(train), **numbers, rngs=rngs, mutable=["batch_stats"]
        )
        return y, flat(new.get("batch_stats", {})) if train else {}


class Nnx(Kind):
    """A class of `flax.nnx`; an instance is made for every call."""

    @property
    def _ours(self) -> tuple[str, ...]:
        return ("rngs",)

    def model(self, how: Any, key: Array) -> Any:
        takes_rngs = "rngs" in _parameters(self.cls.__init__)
        more = {"rngs": nnx.Rngs(key, params=key, dropout=key)} if takes_rngs else {}
        return self.made(*how, **more)

    def init(self, how: Any, x: Any, numbers: Mapping[str, Any], key: Array) -> Variables:
        model = self.model(how, key)
        for path, variable in nnx.to_flat_state(nnx.state(model)):
            kept = nnx.Param | nnx.BatchStat | nnx.RngState
            if isinstance(variable, nnx.Variable) and not isinstance(variable, kept):
                raise ConfigError(
                    f"{self.place}: {_name(path)} is a {type(variable).__name__}, but {_KEPT}: "
                    "make it an nnx.Param or an nnx.BatchStat, or do without."
                )
        return Variables(_values(model, nnx.Param), _values(model, nnx.BatchStat))

    def apply(
        self,
        how: Any,
        variables: Variables,
        x: Array,
        numbers: Mapping[str, Any],
        train: bool,
        key: Array | None,
    ) -> tuple[Array, dict[str, Array]]:
        key = jax.random.key(0) if key is None else key  # evaluation draws nothing
        model = self.model(how, jax.random.key(0))  # the model's initial draws are never read
        _fill(model, nnx.Param, variables.weights)
        _fill(model, nnx.BatchStat, variables.statistics)
        default, params = jax.random.fold_in(key, 1), jax.random.fold_in(key, 2)
        streams = {"dropout": key, "default": default, "params": params}
        nnx.reseed(model, policy="match_shape", **streams)  # pyright: ignore[reportArgumentType]
        (model.train if train else model.eval)()
        y = model(x, **self.modes(train), **numbers)
        return y, _values(model, nnx.BatchStat) if train else {}


_seen: dict[str, Any] = {}  # the content of each place at its first use


def find(place: str, path: str = "") -> Kind:
    """Returns the class at a place `module:Class`; path: of the text in the user's config.

    Raises ConfigError if nothing is there, if it is no Flax class, or if it has no argument for the
    number of outputs.
    """
    path = path or "module"
    if not is_place(place):
        raise ConfigError(f"{path}: must be MODULE:CLASS, as in 'my_nets:Net', got {shown(place)}.")
    try:
        cls = load(place)
    except (ImportError, AttributeError) as error:
        module = place.partition(":")[0]
        away = isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}.")
        way_out = f"; {where_to_run(module)}" if away else ""
        why = without_class(error, place, nn.Module | nnx.Module) or f"{error}{way_out}."
        raise CodeError(f"{path}: {place} cannot be imported: {why}") from error
    if _seen.setdefault(place, cls) is not cls:
        raise ConfigError(
            f"{path}: {place} has changed since it was first used here, and programs of the former "
            "class may be in use: start the process (or the kernel) anew."
        )
    kinds: dict[Any, type[Kind]] = {nn.Module: Linen, nnx.Module: Nnx}
    for base, kind in kinds.items():
        if isinstance(cls, type) and issubclass(cls, base):
            found = kind(place, cls)
            _check_call(found, path)
            _check_outputs(found, path)
            return found
    raise ConfigError(
        f"{path}: {place} must be a subclass of flax.linen.Module or flax.nnx.Module, "
        f"got {shown(cls)}."
    )


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the leaves of a tree of variables, by their paths joined with dots."""
    leaves = flatten_dict(dict(tree))
    for path in leaves:
        if any("." in part for part in path):
            raise ConfigError(f"a variable's name must have no dot in it, got {path[-1]!r}.")
    return {_name(path): leaf for path, leaf in leaves.items()}


def unflat(arrays: Arrays) -> dict[str, Any]:
    """Returns the tree whose leaves `flat` returned."""
    return unflatten_dict(dict(arrays), sep=".")


def _check_call(kind: Kind, path: str) -> None:
    called = any("__call__" in vars(base) for base in kind.cls.__mro__)
    if not called or not _parameters(kind.cls.__call__):
        raise ConfigError(f"{path}: {kind.place} must have a method __call__(self, x, ...).")


def _check_outputs(kind: Kind, path: str) -> None:
    if kind.outputs is None:
        raise ConfigError(
            f"{path}: {kind.place} must be told how many outputs it has: give it the argument "
            f"{' or '.join(_OUTPUTS)}; it has {', '.join(kind.options) or 'none'}."
        )


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    """Returns the named parameters, without `self`."""
    starred = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    _, *rest = inspect.signature(function).parameters.items()
    return {name: parameter for name, parameter in rest if parameter.kind not in starred}


def is_needed(parameter: inspect.Parameter | None) -> bool:
    """Tells whether a parameter exists and has no default."""
    return parameter is not None and parameter.default is inspect.Parameter.empty


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def _values(model: Any, kind: type[nnx.Variable]) -> dict[str, Array]:
    return {
        _name(path): jnp.asarray(variable[...])
        for path, variable in nnx.to_flat_state(nnx.state(model, kind))
    }


def _fill(model: Any, kind: type[nnx.Variable], arrays: Arrays) -> None:
    old = nnx.to_flat_state(nnx.state(model, kind))
    state = [(path, variable.replace(arrays[_name(path)])) for path, variable in old]
    nnx.update(model, nnx.from_flat_state(state))
