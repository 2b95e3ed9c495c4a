"""The contract of a layer of a padded network.

Maps are [C, H, W, B], units [N, B]: images lie on the last axis. A member's network is padded to
the widths of its body. These laws keep a padded network equal to a narrow one:

1. Only axis 0 of an array is padded, and its live part comes first.
2. If dead channels are zeros at the input, they are zeros at the output, forward and backward. A
   function that is not zero at 0, and an identity that joins maps of other widths, must be masked
   by the true widths.
3. Statistics run over images and pixels, or over live channels only.
4. Random draws do not depend on the padding: they are indexed by place in the true shape, or have
   the padded axis first.

A layer is an immutable config. The population's program binds its fields to the numbers of one
member: then the widths and all `float` fields are traced numbers, and each field of `choices` is a
`Chosen`. So `out` and `weights` serve three ends, by the values of the fields: whole numbers give
the exact or the padded network, traced numbers give the true shape inside the program. These
methods must not branch on a width.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.config.frozen import Frozen
from hptjax.config.parts import LAYERS
from hptjax.config.traced import traced_numbers
from hptjax.ops import stored

Shape: TypeAlias = tuple[Any, ...]
"""The shape of one image on its way: (C, H, W) of maps, (N,) of units; C and N may be traced."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight array at its true shape.

    Initial values lie within +-1/sqrt(fan_in) (None: all are `fill`). pixels: how many products an
    image makes with each number of the array (0 for biases and norms).

    Example:
        >>> import hptjax
        >>> hptjax.Weight((8, 3, 3, 1), fan_in=9).shape
        (8, 3, 3, 1)
    """

    shape: tuple[Any, ...]
    fan_in: Any = None
    fill: Any = 0.0
    pixels: int = 0

    @classmethod
    def per_channel(cls, incoming: Shape, fill: Any) -> Self:
        """Returns an array of one number for each channel or unit; it fits images [..., B].

        Its shape is (C, 1, 1, 1) for maps, (N, 1) for units.
        """
        return cls((incoming[0], *(1 for _ in incoming[1:]), 1), fill=fill)

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Chosen:
    """The name that a member has, of several; place: its index among the names, traced.

    static: the compiled part of the name. Some of the names may contradict it: no member of this
    body has one of those.
    """

    names: tuple[Any, ...]
    place: Array
    static: Any


@dataclass
class Context:
    """What a layer sees in a step besides maps and weights.

    incoming: the true shape of the input. train: whether the network is trained, not evaluated.
    root: the key that this step's draws derive from, None in evaluation. stream: the number that
    derives the layer's key from root; None: the key is root. statistics: the layer's running
    statistics; entries that `forward` puts into `new_statistics` replace them. first: whether the
    input is the images, which need no gradient. bfloat16: whether the step keeps its maps in
    bfloat16; a layer of several operations then passes what each gives through `kept`.
    """

    incoming: Shape
    train: bool
    root: Array | None
    statistics: Mapping[str, Array]
    stream: int | None = None
    first: bool = False
    bfloat16: bool = False
    new_statistics: dict[str, Array] = field(default_factory=dict)

    @property
    def key(self) -> Array | None:
        """Returns the key of the layer's random draws in this step, None in evaluation."""
        if self.root is None or self.stream is None:
            return self.root
        return jax.random.fold_in(self.root, jnp.uint32(self.stream))

    def kept(self, x: Array) -> Array:
        """Returns x as the step keeps it, still as float32: maps may be rounded to bfloat16."""
        return stored.keep(x) if self.bfloat16 and x.ndim == 4 else x


class Infeasible(ValueError):
    """A layer cannot take its input; the text says why and what to do."""


class Layer(Frozen):
    """The base class of every layer; its fields are its options.

    main: the option that takes the value in `word: value`. widths: the options that are widths of
    axis 0, which are padded. choices: the options that name an activation, or another row of a
    table; members of one program may differ in them. may_miss: `float` options that do nothing at
    0: a program in which all members have 0 holds no code for them. Fields annotated `float` are
    traced numbers; all others are compiled. takes: the kind of input. gives: the kind of output,
    None for that of the input. whole: whether it is a network by itself, which takes the images,
    unpadded, and returns the outputs of the task.

    Example:
        >>> import hptjax
        >>> class Shift(hptjax.Layer):
        ...     start: float = 0.0
        ...     def weights(self, incoming):
        ...         return {"shift": hptjax.Weight.per_channel(incoming, fill=self.start)}
        ...     def forward(self, x, weights, context):
        ...         return x + weights["shift"]
        >>> hptjax.testing.check(Shift)
    """

    main: ClassVar[str | None] = None
    widths: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[tuple[str, ...]] = ()
    may_miss: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[Literal["maps", "units", "any"]] = "any"
    gives: ClassVar[Literal["maps", "units"] | None] = None
    whole: ClassVar[bool] = False

    def numbers(self) -> dict[str, Any]:
        """Returns the traced numbers by the names that `bound` takes; by default `float` fields."""
        return {name: getattr(self, name) for name in traced_numbers(self)}

    @classmethod
    def is_traced(cls, option: str, words: Sequence[str]) -> bool:
        """Tells whether choosing among these words, in an option of `choices`, is traced."""
        return True

    def static(self) -> Self:
        """Returns its compiled part: widths are 1, traced numbers and choices are the defaults."""
        canonical: dict[str, Any] = dict.fromkeys(self.widths, 1)
        canonical |= {name: self._default(name, None) for name in self.choices}
        canonical |= {name: self._default(name, 0.0) for name in self.numbers()}
        return self.bound(canonical)

    @classmethod
    def _default(cls, name: str, otherwise: Any) -> Any:
        """Returns the default of an option; `otherwise` if it has none, or is no field."""
        found = cls.model_fields.get(name)
        return otherwise if found is None or found.is_required() else found.get_default()

    def bound(self, values: Mapping[str, Any]) -> Self:
        """Returns the layer with other values in some fields (traced, or widths), unchecked."""
        return type(self).model_construct(**{**dict(self), **values})

    def check(self, incoming: Shape) -> None:
        """Raises Infeasible if this layer cannot take an input of this shape."""

    def out(self, incoming: Shape) -> Shape:
        """Returns the shape of the output; by default that of the input."""
        return incoming

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        """Returns the trained arrays by name; none by default."""
        return {}

    def statistics(self, incoming: Shape) -> dict[str, Weight]:
        """Returns the running statistics by name, which are not trained; none by default."""
        return {}

    def summary(self) -> str:
        """Returns the layer in a few words: `conv 16 stride 2`."""
        fields = type(self).model_fields
        traced = {*self.widths, *self.choices, *self.numbers()}
        static = {
            name: getattr(self, name)
            for name, field in fields.items()
            if name not in traced and getattr(self, name) != field.get_default()
        }
        options = (f"{name} {_short(value)}" for name, value in static.items())
        widths = (str(getattr(self, width)) for width in self.widths)
        word = LAYERS.word_of(type(self)).rpartition(":")[2]
        return " ".join([word, *widths, *options])

    def initial(self, key: Array, incoming: Shape) -> dict[str, Array] | None:
        """Draws all weights and statistics of a new network at their exact shape from a key.

        By default returns None: each array is drawn, or filled, as its `Weight` says.
        """
        return None

    def flops(self, incoming: Shape) -> int | None:
        """Returns the floating-point operations of one image forward; None: `weights` tell them."""
        return None

    @abstractmethod
    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        """Returns the output for x: maps [C, H, W, B] or units [N, B], padded.

        The arrays are padded; the layer's fields and context.incoming give the live widths.
        """

    def module(self, name: str | None = None) -> nn.Module:
        """Returns the layer at its exact shape as a Flax module of x [B, H, W, C] or [B, N].

        It is called with `train` and, for the draws of dropout, `key`. Its variables have the names
        of `weights` and `statistics`: "conv1.kernel" is the leaf `kernel` of the submodule `conv1`.
        By default it is made from `forward`.
        """
        return DerivedModule(self, name=name)

    def variable(self, name: str, value: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """Returns the path of a weight or statistic in the variables of `module`, and its value."""
        if type(self).module is Layer.module:
            return (name,), value
        *path, leaf = name.split(".")
        if leaf == "kernel":
            value = value.transpose(1, 2, 3, 0) if value.ndim == 4 else value.T
        return (*path, "bias" if leaf == "shift" else leaf), value


def _short(value: Any) -> str:
    """Returns the value of an option in one word: the name of a part, `3x5` for a pair."""
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(getattr(value, "name", value))


class DerivedModule(nn.Module):
    """A layer at its exact shape: x [B, H, W, C] or [B, N]; its arrays keep the layer's layout."""

    layer: Layer

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        incoming = (x.shape[-1], *x.shape[1:-1])
        drawn = self._drawn(incoming)
        weights = {
            name: self.param(name, _initial(weight, drawn.get(name)), weight.shape)
            for name, weight in self.layer.weights(incoming).items()
        }
        kept = {
            name: self.variable("batch_stats", name, _filled, weight, drawn.get(name))
            for name, weight in self.layer.statistics(incoming).items()
        }
        statistics = {name: variable.value for name, variable in kept.items()}
        context = Context(incoming, train, key, statistics)
        y = self.layer.forward(jnp.moveaxis(x, (0, -1), (-1, 0)), weights, context)
        if train and not self.is_initializing():
            for name, value in context.new_statistics.items():
                kept[name].value = value
        return jnp.moveaxis(y, (0, -1), (-1, 0))

    def _drawn(self, incoming: Shape) -> dict[str, Array]:
        """Returns the arrays that the layer draws itself, as long as there are no variables."""
        draws = type(self.layer).initial is not Layer.initial
        if not (draws and self.is_initializing()):
            return {}
        return self.layer.initial(self.make_rng("params"), incoming) or {}


def _filled(weight: Weight, drawn: Array | None) -> Array:
    return jnp.full(weight.shape, weight.fill) if drawn is None else drawn


def _initial(weight: Weight, drawn: Array | None):
    def init(key: Array, shape: tuple[int, ...]) -> Array:
        if drawn is not None:
            return drawn
        if weight.fan_in is None:
            return jnp.full(shape, weight.fill, jnp.float32)
        bound = weight.fan_in**-0.5
        return jax.random.uniform(key, shape, jnp.float32, -bound, bound)

    return init
