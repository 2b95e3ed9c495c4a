"""A user's whole network: a Flax class, linen or nnx, as the only layer of its chain."""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Annotated, Any, ClassVar, Literal, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from pydantic import BeforeValidator

from hptjax.checks import plain
from hptjax.config.explain import validated
from hptjax.config.frozen import Positive
from hptjax.errors import CodeError, ConfigError, similar
from hptjax.models.layers.base import Context, Infeasible, Layer, Shape, Weight
from hptjax.models.layers.own_kinds import Kind, Linen, Variables, find, flat, unflat
from hptjax.models.layers.own_tree import listed, read
from hptjax.ops import native

_CALL = "call."  # prefix of the names of traced numbers
_BATCH = 2  # images in a trial run of a network


def _pairs(given: Any) -> Any:
    """Returns (name, value) pairs of pairs or a mapping, sorted by name; lists become tuples."""
    items = given.items() if isinstance(given, Mapping) else given
    return tuple(sorted((name, _hashable(value)) for name, value in items))


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else plain(value)


Pairs = Annotated[tuple[tuple[str, Any], ...], BeforeValidator(_pairs)]


class FlaxNetwork(Layer):
    """A network of the user's own class: images [B, H, W, C] -> outputs [B, K].

    place: where the class is, `my_nets:Net`. arguments: of its constructor; they are part of what
    is compiled. call: numbers that each call gets by name; they are traced, so that members of one
    program may differ in them. outputs: follows from the data; the constructor gets it as
    `num_classes` or `outputs`.

    A class is identified by its place alone: after a change of the class, start a new process.
    """

    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"
    gives: ClassVar[Literal["maps", "units"] | None] = "units"
    whole: ClassVar[bool] = True

    place: str
    arguments: Pairs = ()
    call: Pairs = ()
    outputs: Positive = 1

    @classmethod
    def from_tree(cls, tree: Any, path: str) -> Self:
        """Reads `{module: my_nets:Net, ARGUMENT: VALUE, call: {NUMBER: VALUE}}`.

        module may be the class itself. Raises ConfigError, naming the dotted path, for anything but
        such a mapping, for a class that is missing or not Flax's, and for arguments and numbers
        that are unknown or missing.
        """
        return validated(cls, read(tree, path), path)

    def to_tree(self) -> dict[str, Any]:
        """Returns the tree that `from_tree` reads, without outputs: they follow from the data."""
        arguments = {name: listed(value) for name, value in self.arguments}
        call = {"call": dict(self.call)} if self.call else {}
        return {"module": self.place, **arguments, **call}

    @property
    def known_arguments(self) -> dict[str, Any]:
        """Returns all arguments that a config may give the constructor, with present values."""
        found = {name: parameter.default for name, parameter in self._kind.options.items()}
        others = (self._kind.outputs, self._kind.channels)
        return {n: v for n, v in {**found, **dict(self.arguments)}.items() if n not in others}

    @property
    def annotations(self) -> dict[str, Any]:
        """Returns the types of the constructor's arguments that are annotated."""
        return self._kind.annotations

    @property
    def known_numbers(self) -> tuple[str, ...]:
        """Returns the names of all numbers that a call takes."""
        return tuple(self._kind.numbers)

    def numbers(self) -> dict[str, Any]:
        """Returns the numbers of a call, each as `call.NAME`."""
        return {_CALL + name: value for name, value in self.call}

    def bound(self, values: Mapping[str, Any]) -> Self:
        """See `Layer.bound`; `call.NAME` is a number of a call."""
        fields = {name: value for name, value in values.items() if not name.startswith(_CALL)}
        call = tuple((name, values.get(_CALL + name, value)) for name, value in self.call)
        return super().bound({"call": call, **fields})

    def summary(self) -> str:
        """Returns the class, and its arguments, as text."""
        return " ".join([self.place, *(f"{name} {value}" for name, value in self.arguments)])

    def check(self, incoming: Shape) -> None:
        _try(self._kind, self._canonical, incoming)

    def out(self, incoming: Shape) -> Shape:
        return (self.outputs,)

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        return _weights(_shapes(self._kind, self._canonical, incoming).weights)

    def statistics(self, incoming: Shape) -> dict[str, Weight]:
        return _weights(_shapes(self._kind, self._canonical, incoming).statistics)

    def initial(self, key: Array, incoming: Shape) -> dict[str, Array]:
        """Draws weights and statistics, by name, with the class's own initialisers.

        They are those of `init(key, x)`, or of `rngs=Rngs(key)`.
        """
        drawn = self.drawn(key, incoming)
        return drawn.weights | drawn.statistics

    def drawn(self, key: Array, incoming: Shape) -> Variables:
        """Draws as `initial` does; returns weights and statistics separately."""
        x = jnp.zeros((1, *incoming[1:], incoming[0]), jnp.float32)
        return self._kind.init(self.how(incoming), x, dict(self.call), key)

    def flops(self, incoming: Shape) -> int:
        """Returns the floating-point operations of one image forward, as XLA counts them."""
        return _flops(self._kind, self._canonical, incoming)

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        variables = Variables(dict(weights), dict(context.statistics))
        how, numbers, key = self.how(context.incoming), dict(self.call), context.key
        images = x.transpose(3, 1, 2, 0)
        y, new = self._kind.apply(how, variables, images, numbers, context.train, key)
        context.new_statistics.update(new)
        if not isinstance(y, Array):
            raise ConfigError(f"{self.place}: must give one array, got a {type(y).__name__}.")
        return y.astype(jnp.float32).T

    def module(self, name: str | None = None) -> nn.Module:
        if isinstance(self._kind, Linen):
            return LinenModule(self, name=name)
        return super().module(name)

    def variable(self, name: str, value: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        return tuple(name.split(".")) if isinstance(self._kind, Linen) else (name,), value

    @property
    def _canonical(self) -> Any:
        return self.static()

    @property
    def _kind(self) -> Kind:
        return find(self.place)

    def how(self, incoming: Shape) -> tuple[dict[str, Any], int, int]:
        """Returns the arguments of `Kind.made` for images of this shape."""
        return dict(self.arguments), self.outputs, incoming[0]


class LinenModule(nn.Module):
    """A `FlaxNetwork` of a linen class; its variables are those of the class, not nested deeper."""

    layer: FlaxNetwork

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        incoming = (x.shape[-1], *x.shape[1:-1])
        own, how = find(self.layer.place), self.layer.how(incoming)
        if self.is_initializing():
            net = own.made(*how)
            nn.share_scope(self, net)
            return net(x, **own.modes(False), **dict(self.layer.call))
        tree = self.variables
        held = Variables(flat(tree.get("params", {})), flat(tree.get("batch_stats", {})))
        y, new = own.apply(how, held, x, dict(self.layer.call), train, key)
        for name, value in unflat(new).items():
            self.put_variable("batch_stats", name, value)
        return y


@lru_cache(maxsize=1024)
def _shapes(kind: Kind, layer: Any, incoming: Shape) -> Variables:
    """Returns the shapes and types of the network's variables."""
    found = _traced(layer, lambda bound, key: bound.drawn(key, incoming))
    for name, leaf in (found.weights | found.statistics).items():
        if getattr(leaf, "dtype", None) != jnp.float32:
            raise ConfigError(
                f"{kind.place}: all weights and statistics must be float32 arrays, and {name} is "
                f"{getattr(leaf, 'dtype', type(leaf).__name__)}: leave `param_dtype` as it is "
                "(`dtype` may be lower), and keep no counters."
            )
    for name in found.weights.keys() & found.statistics.keys():
        raise ConfigError(f"{kind.place}: {name} must not be a weight and a statistic at once.")
    return found


@lru_cache(maxsize=1024)
def _try(kind: Kind, layer: Any, incoming: Shape) -> None:
    """Raises Infeasible, or ConfigError, if a training step cannot be computed."""
    given = (*_shapes(kind, layer, incoming), _images(incoming, _BATCH))
    y = _traced(layer, partial(_outputs, incoming, True), *given)
    if y.shape != (layer.outputs, _BATCH):
        raise ConfigError(
            f"{kind.place}: must give [B, {kind.outputs}], here {[_BATCH, layer.outputs]}, for "
            f"images [B, H, W, C], got {list(y.shape[::-1])}."
        )


@lru_cache(maxsize=1024)
def _flops(kind: Kind, layer: Any, incoming: Shape) -> int:
    given = (*_shapes(kind, layer, incoming), _images(incoming, 1))
    with native.left_out():  # XLA cannot count what kernels do
        lowered = jax.jit(partial(_outputs, incoming, False, layer, None)).lower(*given)
    costs: Any = lowered.cost_analysis()
    return int(costs["flops"])


def _outputs(
    incoming: Shape,
    train: bool,
    layer: FlaxNetwork,
    key: Array | None,
    weights: Mapping[str, Array],
    statistics: Mapping[str, Array],
    x: Array,
) -> Array:
    return layer.forward(x, weights, Context(incoming, train, key, statistics))


def _images(incoming: Shape, count: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((*incoming, count), jnp.float32)


def _traced(layer: FlaxNetwork, function: Callable[..., Any], *given: Any) -> Any:
    """Returns the shapes of the result of a function of the layer (its numbers traced) and a key.

    Raises Infeasible for an error of the user's code, CodeError if the code uses a name that does
    not exist, ConfigError if it asks for the value of a traced number.
    """

    def traced(numbers: Mapping[str, Array], key: Array, *given: Any) -> Any:
        return function(layer.bound(numbers), key, *given)

    numbers = dict.fromkeys(layer.numbers(), jax.ShapeDtypeStruct((), jnp.float32))
    key = jax.eval_shape(lambda: jax.random.key(0))
    what = f"{layer.place} {layer.to_tree()}"
    try:
        return jax.eval_shape(traced, numbers, key, *given)
    except (ConfigError, Infeasible):
        raise
    except jax.errors.ConcretizationTypeError as error:
        raise ConfigError(
            f"{what}: asks in Python for a value that is known only when the program runs, as all "
            "numbers under call are. For dropout use hptjax.nn.Dropout, elsewhere jnp.where. "
            f"({_first_line(error)})"
        ) from error
    except (AttributeError, NameError) as error:  # no other size or argument mends a wrong name
        near = similar(str(error.name), dir(getattr(error, "obj", None)))
        why = "; ".join(filter(None, (_first_line(error), near)))
        raise CodeError(f"{what}: {type(error).__name__}: {why}") from error
    except Exception as error:  # the user's code may raise anything
        raise Infeasible(f"{what}: {type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _weights(found: Mapping[str, Any]) -> dict[str, Weight]:
    """Returns weights that `initial` draws; NaN shows a statistic that it does not draw."""
    return {name: Weight(leaf.shape, fill=math.nan) for name, leaf in found.items()}
