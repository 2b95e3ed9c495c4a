"""Checks for a layer of your own: `hptjax.testing.check(MyLayer)` runs the law of padding on it.

`hptjax.models.layers.base` states the law. The layer is trained for some steps between two of our
layers, once at its exact shape and once with padding in every array of channels; both must give the
same numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict
from jax import Array

from hptjax.config.explain import validated
from hptjax.config.parts import ACTIVATIONS
from hptjax.errors import ConfigError
from hptjax.models.layers.base import Chosen, Context, Infeasible, Layer, Shape, Weight
from hptjax.models.layers.conv import Conv
from hptjax.models.layers.flatten import Flatten
from hptjax.models.layers.global_avg_pool import GlobalAvgPool
from hptjax.models.layers.linear import Head
from hptjax.models.layers.norms import BATCH_NORM, NO_NORM
from hptjax.ops import native

MAPS, UNITS = (6, 8, 8), (6,)  # shapes of the input if none is given
BATCH, CLASSES, MORE, STEPS = 8, 4, 3, 3  # MORE: units or channels of padding
LR = 0.1
ATOL, ATOL_WEIGHTS = 1e-5, 1e-6
# small programs that run a few times: they compile faster by a factor of ten
QUICKLY: dict[str, int | bool] = {"xla_backend_optimization_level": 0}
if jax.__version_info__ < (0, 12):  # later versions have no such option
    QUICKLY["xla_cpu_use_fusion_emitters"] = False
LAW = (
    "only axis 0 of the output may be padded",
    "zeros in dead channels in must give zeros in dead channels out, forward and backward; mask by "
    "the true widths what is not zero at 0",
    "statistics must run over images and pixels, or over live channels only",
    "random draws must not depend on the padding: index them by place in the true shape, or have "
    "the padded axis first",
)


def check(
    layer: Layer | type[Layer], incoming: Shape | None = None, *, kernels: bool | None = None
) -> None:
    """Raises AssertionError if a layer breaks the law of padding or differs from its own module.

    layer: a layer, or a class of layers whose options all have defaults. incoming: the true shape
    of the input, (C, H, W) or (N,); None tries maps and units, whichever the layer takes. kernels:
    whether to use our CPU kernels; None tries both, where they exist. The error says which point of
    the law is broken and where. Raises Infeasible for a shape that the layer does not take, and
    ConfigError for a whole network, which is never padded.
    """
    own = validated(layer, {}, layer.__name__) if isinstance(layer, type) else layer
    if own.whole:
        raise ConfigError(f"{_name(own)}: must be a layer; a whole network is never padded.")
    for shape in _shapes(own) if incoming is None else [incoming]:
        check_padding(own, shape, kernels=kernels)
        check_module(own, shape)


def _shapes(layer: Layer) -> list[Shape]:
    """The default shapes, of maps and of units, that the layer takes."""
    shapes = {"maps": [MAPS], "units": [UNITS], "any": [MAPS, UNITS]}[layer.takes]
    found, refused = [], None
    for shape in shapes:
        try:
            layer.check(shape)
            found.append(shape)
        except Infeasible as error:
            refused = error
    if refused is not None and not found:
        raise refused
    return found


def _name(layer: Layer) -> str:
    return type(layer).__name__


class Step(NamedTuple):
    """The results of a step: weights and statistics; outputs and cotangents of each layer."""

    arrays: Mapping[str, np.ndarray]
    outputs: Sequence[np.ndarray]
    cotangents: Sequence[np.ndarray]


class Chain(NamedTuple):
    """A layer between two others: one before it with a gradient at 0, and a head after it.

    place: the index of the tested layer. image: the shape of the images.
    """

    layers: Sequence[Layer]
    place: int
    image: Shape

    @classmethod
    def around(cls, layer: Layer, incoming: Shape) -> "Chain":
        """Returns the chain; raises Infeasible if the layer does not take this input."""
        layer.check(incoming)
        stem = Conv(out_channels=incoming[0], kernel_size=1, activation="tanh")
        before = [stem] if len(incoming) == 3 else [stem, GlobalAvgPool()]
        flat = len(layer.out(incoming)) == 1
        behind = [*([] if flat else [Flatten()]), Head(out_features=CLASSES)]
        image = (3, *(incoming[1:] or MAPS[1:]))
        return cls([*before, layer, *behind], len(before), image)

    def padded(self) -> "Chain":
        """Returns the chain at the padded widths of a program; the head keeps its width."""
        *layers, head = self.layers
        wide = [own.bound({n: getattr(own, n) + MORE for n in own.widths}) for own in layers]
        return self._replace(layers=[*wide, head])

    def bound(self, numbers: Sequence[Mapping[str, Any]]) -> "Chain":
        """Returns the chain with traced numbers, as in a program."""
        return self._replace(layers=list(map(_bound, self.layers, numbers)))

    def walk(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """Yields each layer with the shapes of its input and of its output."""
        shape = self.image
        for layer in self.layers:
            out = layer.out(shape)
            yield layer, shape, out
            shape = out

    def kinds(self, what: str) -> dict[str, Weight]:
        """Returns the "weights" or "statistics" by place and name."""
        return {
            f"{i}.{name}": kind
            for i, (layer, shape, _) in enumerate(self.walk())
            for name, kind in getattr(layer, what)(shape).items()
        }

    def start(self, what: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws random arrays; an array without a fan-in is drawn around its fill value."""
        drawn = {}
        for name, kind in self.kinds(what).items():
            bound = 0.2 if kind.fan_in is None else kind.fan_in**-0.5
            middle = kind.fill if kind.fan_in is None else 0.0
            drawn[name] = rng.uniform(middle - bound, middle + bound, kind.shape)
        return {name: array.astype(np.float32) for name, array in drawn.items()}


def _bound(layer: Layer, numbers: Mapping[str, Any]) -> Layer:
    """Returns the layer with traced numbers; where possible, a choice is the second of two."""
    values: dict[str, Any] = dict(numbers)
    for name in layer.choices:
        own = getattr(layer, name)
        if own == BATCH_NORM:
            values[name] = Chosen((NO_NORM, own), numbers[name], own)
        elif own == "relu" or not isinstance(own, str) or own not in ACTIVATIONS:
            # a norm applies a relu that all members share
            values[name] = Chosen((own,), jnp.int32(0), own)
        else:
            values[name] = Chosen(("gelu", own), numbers[name], own)
    return layer.bound(values)


def _numbers(layer: Layer) -> dict[str, Any]:
    """Returns the traced numbers of a layer."""
    widths = {name: getattr(layer, name) for name in layer.widths}
    return {**widths, **layer.numbers(), **dict.fromkeys(layer.choices, 1)}


def _grown(arrays: Mapping[str, np.ndarray], wide: Mapping[str, Weight]) -> dict[str, np.ndarray]:
    """Pads the arrays with zeros to wider shapes."""
    out = {name: np.zeros(kind.shape, np.float32) for name, kind in wide.items()}
    for name, array in arrays.items():
        out[name][tuple(map(slice, array.shape))] = array
    return out


def own_of(arrays: Mapping[str, Any], i: int) -> dict[str, Any]:
    """Returns the arrays of the i-th layer of a chain, by the layer's own names."""
    return {k.partition(".")[2]: v for k, v in arrays.items() if k.startswith(f"{i}.")}


def _train(chain: Chain, *, wide: bool, kernels: bool, draws: bool = True) -> list[Step]:
    """Takes some steps of plain gradient descent; draws: whether the layers get random keys."""
    rng = np.random.default_rng(0)
    shapes = chain.padded() if wide else chain
    params, stats = (
        _grown(chain.start(what, rng), shapes.kinds(what)) for what in ("weights", "statistics")
    )
    x = rng.normal(size=(STEPS, *chain.image, BATCH)) + rng.normal(size=(STEPS, 3, 1, 1, BATCH))
    x, labels = x.astype(np.float32), rng.integers(0, CLASSES, (STEPS, BATCH))
    numbers = [_numbers(layer) for layer in chain.layers]
    zeros = [np.zeros((*out, BATCH), np.float32) for *_, out in shapes.walk()]
    steps = []
    with nullcontext() if kernels else native.left_out():
        step = jax.jit(partial(_step, chain, zeros), compiler_options=QUICKLY)
        for i in range(STEPS):
            key = jax.random.fold_in(jax.random.key(1), i) if draws else None
            params, stats, *others = step(params, stats, x[i], labels[i], numbers, key)
            steps.append(Step(*jax.device_get((params | stats, *others))))
    return steps


def _step(chain: Chain, zeros, params, stats, x, labels, numbers, key):
    """Takes one step of a padded or exact chain; zeros: in the shape of each layer's output."""
    members = chain.bound(numbers)

    def loss(params, taps):
        y, outputs, new = x, [], dict(stats)
        for i, (layer, shape, _) in enumerate(members.walk()):
            own = None if key is None else jax.random.fold_in(key, i)
            context = Context(shape, True, own, own_of(stats, i), first=not i)
            y = layer.forward(y, own_of(params, i), context)
            _same_shape(layer, y, taps[i])
            outputs.append(y)
            y = y + taps[i]
            new |= {f"{i}.{name}": value for name, value in context.new_statistics.items()}
        picked = jnp.take_along_axis(jax.nn.log_softmax(y, 0), labels[None], 0)
        return -picked.mean(), (outputs, new)

    (grads, cotangents), (outputs, new) = jax.grad(loss, (0, 1), has_aux=True)(params, zeros)
    return {k: params[k] - LR * grads[k] for k in params}, new, outputs, cotangents


def _same_shape(layer: Layer, y: Array, wanted: Array) -> None:
    if y.shape != wanted.shape:
        raise AssertionError(
            f"{_name(layer)}: `forward` must give the shape that `out` says, {wanted.shape} with "
            f"the images last, got {y.shape}."
        )


def check_padding(layer: Layer, incoming: Shape, *, kernels: bool | None = None) -> None:
    """Does what `check` does for the law of padding only."""
    chain = Chain.around(layer, incoming)
    for own, (_, _, out), (_, _, wide) in zip(
        chain.layers, chain.walk(), chain.padded().walk(), strict=True
    ):
        if out[1:] != wide[1:]:
            raise AssertionError(_broken(own, 1, f"of {out} it makes {wide}"))
    exact = _train(chain, wide=False, kernels=False)
    ways = (False, True) if kernels is None else (kernels,)
    for with_kernels in ways:
        if with_kernels and not native.available():
            continue
        found = _difference(chain, exact, _train(chain, wide=True, kernels=with_kernels))
        if found is not None:
            point, where = found
            if point == 3 and _draws_decide(chain):
                point = 4
            where += ", computed by our kernels" if with_kernels and False in ways else ""
            raise AssertionError(_broken(layer, point, where))


def _draws_decide(chain: Chain) -> bool:
    """Tells whether padding changes nothing without random draws."""
    exact, padded = (_train(chain, wide=wide, kernels=False, draws=False) for wide in (False, True))
    return _difference(chain, exact, padded) is None


def _broken(layer: Layer, point: int, where: str) -> str:
    return f"{_name(layer)}: breaks point {point} of the law, {LAW[point - 1]}: {where}."


def _difference(
    chain: Chain, exact: Sequence[Step], padded: Sequence[Step]
) -> tuple[int, str] | None:
    """Returns the first difference that padding makes: the point of the law, and its place."""
    names = [_name(layer) for layer in chain.layers]
    for k, (own, wide) in enumerate(zip(exact, padded, strict=True)):
        forward = zip(names, own.outputs, wide.outputs, strict=True)
        backward = zip(names, own.cotangents, wide.cotangents, strict=True)
        given = [(f"what {n} gives", *pair) for n, *pair in forward]
        given += [(f"the gradient of what {n} gives", *pair) for n, *pair in [*backward][::-1]]
        arrays = [(_array(names, n), a, wide.arrays[n]) for n, a in own.arrays.items()]
        for atol, rows in ((ATOL, given), (ATOL_WEIGHTS, arrays)):
            for what, want, got in rows:
                live = tuple(map(slice, want.shape))
                dead = got.copy()
                dead[live] = 0
                if dead.any():
                    at = tuple(map(int, np.argwhere(dead)[0]))
                    return 2, f"in step {k + 1} {what} is {dead[at]:.3g} at {at}, in the padding"
                error = float(np.abs(got[live] - want).max(initial=0.0))
                if not error <= atol * max(1.0, float(np.abs(want).max(initial=0.0))):
                    return 3, f"in step {k + 1} {what} is wrong by {error:.3g} beside padding"
    return None


def _array(names: Sequence[str], name: str) -> str:
    place, _, own = name.partition(".")
    return f"'{own}' of {names[int(place)]}"


def check_module(layer: Layer, incoming: Shape) -> None:
    """Raises AssertionError if `module` and `forward` differ in outputs or variables."""
    layer.check(incoming)
    rng, key, module = np.random.default_rng(1), jax.random.key(2), layer.module()
    alone = Chain([layer], 0, incoming)
    x = jnp.asarray(rng.normal(size=(*incoming, BATCH)), jnp.float32)
    weights, stats = (own_of(alone.start(what, rng), 0) for what in ("weights", "statistics"))
    images = jnp.moveaxis(x, (0, -1), (-1, 0))

    @partial(jax.jit, compiler_options=QUICKLY)
    def both(x, images, weights, stats, variables):
        context = Context(incoming, True, key, stats)
        trained = layer.forward(x, weights, context)
        still = layer.forward(x, weights, Context(incoming, False, None, stats))
        theirs, new = module.apply(variables, images, train=True, key=key, mutable=["batch_stats"])
        plain = module.apply(variables, images, train=False)
        ours = {"training": trained, "evaluation": still, "statistics": context.new_statistics}
        return ours, {"training": theirs, "evaluation": plain, "statistics": dict(new)}

    variables = _variables(layer, weights, stats)
    fresh = dict(jax.eval_shape(lambda: module.init(key, images, train=False)))
    own, theirs = (jax.tree.map(jnp.shape, tree) for tree in (variables, fresh))
    if own != theirs:
        raise AssertionError(f"{_name(layer)}: `module` must hold {own}, it has {theirs}.")
    ours, theirs = jax.device_get(both(x, images, weights, stats, variables))
    ours["statistics"] = _variables(layer, {}, ours["statistics"])
    for mode in ("training", "evaluation"):
        ours[mode] = np.moveaxis(ours[mode], (0, -1), (-1, 0))
    for what in ("training", "evaluation", "statistics"):
        if not _close(ours[what], theirs[what]):
            raise AssertionError(
                f"{_name(layer)}: `module` must give what `forward` does, and differs in {what}."
            )


def _variables(layer: Layer, weights: Mapping[str, Any], stats: Mapping[str, Any]) -> dict:
    """Returns the arrays of a layer as the variables of its module."""
    flat = {}
    for group, arrays in (("params", weights), ("batch_stats", stats)):
        for name, value in arrays.items():
            path, own = layer.variable(name, value)
            flat[group, *path] = own
    return unflatten_dict(flat)


def _close(ours: Any, theirs: Any) -> bool:
    if jax.tree.structure(ours) != jax.tree.structure(theirs):
        return False
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    return all(a.shape == b.shape and np.allclose(a, b, rtol=0, atol=ATOL) for a, b in pairs)
