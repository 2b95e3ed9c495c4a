"""optax's elementwise optimizers: `optax.lion`, in Python also `from ...optax import lion`.

Each is a class made from the signature of optax's factory. Floats become traced numbers, booleans
become static, and other arguments keep their defaults. No factory runs before its optimizer is
used.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import Array
from pydantic import Field, create_model

from hptjax.config.traced import traced_numbers
from hptjax.errors import ConfigError, did_you_mean
from hptjax.ops.numbers import Numbers
from hptjax.population.optimizers.base import Decay, Epsilon, Optimizer, Slots

ELEMENTWISE = (
    *("adabelief", "adadelta", "adagrad", "adam", "adamax", "adamaxw", "adamw", "adan"),
    *("amsgrad", "lion", "nadam", "nadamw", "optimistic_adam_v2"),
    *("optimistic_gradient_descent", "radam", "rmsprop", "rprop", "sgd", "sign_sgd", "signum"),
)

_NORMS = "scales its step by norms of whole layers, but a member's weights are one vector"
_MATRICES = "keeps statistics of rows and columns, but a member's weights are one vector"
REFUSED = {
    "adafactor": _MATRICES,
    "fromage": _NORMS,
    "lamb": _NORMS,
    "lars": _NORMS,
    "lbfgs": "needs the loss's value for its line search, and inner products of all weights",
    "noisy_sgd": "adds noise to all weights, padding included",
    "novograd": _NORMS,
    "sm3": _MATRICES,
    "yogi": "starts from moments above zero, and so moves weights that have no gradient",
}

_BOUNDED: dict[str, Any] = {
    **dict.fromkeys(("b1", "b2", "b3", "decay", "rho", "momentum"), Decay),
    "eps": Epsilon,
    "eps_root": Annotated[float, Field(ge=0)],
}


def __getattr__(name: str) -> type[Optimizer]:
    """Returns the class of one factory, so that it can be imported and unpickled."""
    try:
        if name.startswith("_"):
            raise ConfigError(f"hptjax.population.optimizers.optax has no {name!r}.")
        return optimizer(name)
    except ConfigError as error:
        raise AttributeError(str(error)) from None


def members() -> tuple[str, ...]:
    """Returns the names allowed in `optax.<name>`, those that the installed version has."""
    import optax

    return tuple(name for name in ELEMENTWISE if hasattr(optax, name))


@cache
def optimizer(name: str) -> type[Optimizer]:
    """Returns the optimizer `optax.<name>`; the same class for the same name.

    Raises ConfigError for a name that optax does not have, or for one that breaks a law of base.py.
    """
    if name in REFUSED:
        raise ConfigError(f"optax.{name} cannot train padded networks: it {REFUSED[name]}.")
    if name not in ELEMENTWISE:
        raise ConfigError(
            f"optax.{name} is no elementwise optimizer; {did_you_mean(name, ELEMENTWISE)}"
        )
    factory = _factory(name)
    made = create_model(
        name,
        __base__=FromOptax,
        __module__=__name__,
        __doc__=(inspect.getdoc(factory) or name).partition("\n")[0],
        **_fields(factory),
    )
    made.factory_name = name
    return made


def _factory(name: str) -> Callable[..., Any]:
    import optax

    if not hasattr(optax, name):
        raise ConfigError(f"optax {optax.__version__} has no {name}, newer ones do.")
    return getattr(optax, name)


def _fields(factory: Callable[..., Any]) -> Mapping[str, Any]:
    """Returns the options by name, as pydantic wants them: (type, default)."""
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        default = parameter.default
        if name == "momentum" and default is None:
            default = 0.0  # takes the same steps as None, and can be tuned
        if name in ("learning_rate", "weight_decay"):
            continue
        if isinstance(default, bool):
            fields[name] = (bool, default)
        elif isinstance(default, float):
            fields[name] = (_BOUNDED.get(name, float), default)
    return fields


class FromOptax(Optimizer):
    """The base of all optax optimizers; weight_decay: the factory's, or else L2 in the gradient."""

    factory_name: ClassVar[str]

    @property
    def slots(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._layout.slots

    @property
    def _layout(self) -> "_Layout":
        numbers = traced_numbers(self)
        return _layout(
            self.factory_name, tuple((n, v) for n, v in dict(self).items() if n not in numbers)
        )

    def start(self, params: Array, h: Numbers) -> Slots:
        state = self._transformation(h).init(params)
        return self._layout.pack(state)

    def update(self, params: Array, grads: Array, slots: Slots, h: Numbers) -> tuple[Array, Slots]:
        if "weight_decay" not in _arguments(self.factory_name):
            grads = grads + h.weight_decay * params
        state = self._layout.unpack(slots, h.step)
        updates, state = self._transformation(h).update(grads, state, params)
        return params + updates, self._layout.pack(state)

    def _transformation(self, h: Numbers) -> Any:
        numbers = traced_numbers(self)
        given = {
            name: getattr(h if name in numbers else self, name) for name in type(self).model_fields
        }
        if "weight_decay" in _arguments(self.factory_name):
            given["weight_decay"] = h.weight_decay
        return _factory(self.factory_name)(learning_rate=h.lr, **given)


class _Layout(NamedTuple):
    """How the leaves of an optax state are stored in slots, or computed from the step.

    kinds: for each leaf "slot" ([N] floats), "count" (steps taken) or "first" (True at step 0).
    """

    tree: Any
    kinds: tuple[str, ...]

    @property
    def slots(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.kinds.count("slot")

    def pack(self, state: Any) -> Slots:
        leaves = zip(jax.tree.leaves(state), self.kinds, strict=True)
        return tuple(leaf for leaf, kind in leaves if kind == "slot")

    def unpack(self, slots: Slots, step: Array) -> Any:
        rows = iter(slots)
        made = {"count": step - 1, "first": step == 1}
        leaves = [next(rows) if kind == "slot" else made[kind] for kind in self.kinds]
        return jax.tree.unflatten(self.tree, leaves)


@cache
def _layout(name: str, options: tuple[tuple[str, bool], ...]) -> _Layout:
    """Raises ConfigError if optax keeps anything but numbers of each weight and counts."""
    part = cast(FromOptax, optimizer(name)(**dict(options)))
    h = Numbers(**{**dict(part), "lr": 0.1, "weight_decay": 0.0})
    size = 13  # no axis of a state has this length by accident
    vector = jax.ShapeDtypeStruct((size,), jnp.float32)
    state = jax.eval_shape(lambda params: part._transformation(h).init(params), vector)
    leaves, tree = jax.tree.flatten(state)
    kinds = {((size,), "float32"): "slot", ((), "int32"): "count", ((), "bool"): "first"}
    for leaf in leaves:
        if (leaf.shape, leaf.dtype.name) not in kinds:
            raise ConfigError(
                f"optax.{name} cannot train padded networks: its state holds "
                f"{leaf.dtype.name}{list(leaf.shape)}, must hold numbers of each weight and counts."
            )
    return _Layout(tree, tuple(kinds[leaf.shape, leaf.dtype.name] for leaf in leaves))


@cache
def _arguments(name: str) -> frozenset[str]:
    return frozenset(inspect.signature(_factory(name)).parameters)
