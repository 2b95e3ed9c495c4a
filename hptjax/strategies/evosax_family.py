"""The algorithms of evosax's registry by name: `evosax.CMA_ES`, on the unit cube of the space.

Options are the arguments of the constructor and the numbers in the algorithm's params. A number
stands for a function: `std_schedule` is a constant spread, `optimizer` is the learning rate of
Adam. (`evosax.DES` is Discovered ES; this package's own DES is the strategy `des`.)
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from evosax.algorithms import algorithms
from evosax.algorithms.population_based.base import PopulationBasedAlgorithm
from pydantic import BaseModel

from hptjax.config.frozen import Frozen, Positive
from hptjax.errors import ConfigError
from hptjax.settings import named_key
from hptjax.strategies.base import SearchContext, SearcherKind
from hptjax.strategies.evosax import EvosaxSearcher
from hptjax.strategies.reflect import (
    PLAIN,
    about_of,
    annotation_of,
    check_member,
    given,
    options_model,
    parameters_of,
)

_UNROLLS = "its values are of parts of one long training, and a trial is a whole one"
_SEVERAL = "it moves several populations at once, and a generation is one"
SKIPPED = {
    "GuidedES": "it follows a gradient that a trial does not give",
    "PersistentES": _UNROLLS,
    "NoiseReuseES": _UNROLLS,
    "SV_CMA_ES": _SEVERAL,
    "SV_Open_ES": _SEVERAL,
}
SPREAD = 0.25  # of the first generation; evosax's default is 1, the width of the whole cube
RATE = 0.05  # Adam's learning rate in units of the cube; evosax's default is 0.001
MOST_SMALLER = 8  # how many smaller sizes are tried
ROWS_BY_DIMS = ("LM_MA_ES",)  # its rates are rows / dims: above 1 they make its rows NaN
BY_NUMBER = ("std_schedule", "optimizer")


def kind(name: str) -> SearcherKind:
    """An algorithm of evosax.

    Raises ConfigError if the algorithm is unknown or cannot be used.
    """
    check_member("evosax", name, algorithms, SKIPPED)
    return SearcherKind(_options(name), partial(_make, name), about_of(algorithms[name]))


def members() -> list[str]:
    """The algorithms that can be used."""
    return [name for name in algorithms if name not in SKIPPED]


@lru_cache
def _options(name: str) -> type[BaseModel]:
    types: dict[str, Any] = {"population_size": Positive}
    for key, parameter in parameters_of(algorithms[name]).items():
        if key in BY_NUMBER:
            types[key] = float
        elif key not in ("population_size", "params_path"):  # a pickle: not from a text file
            plain = PLAIN.get(annotation_of(parameter))
            types |= {} if plain is None else {key: plain}
    for key, value in vars(_algorithm(name, 16, 4, {}).default_params).items():
        if np.ndim(value) == 0 and isinstance(value, bool | int | float | jax.Array):
            types[key] = type(value) if isinstance(value, bool | int) else float
    return options_model(f"{name}Options", types, base=Frozen)


def _algorithm(name: str, size: int, dims: int, options: dict[str, Any]) -> Any:
    """The algorithm over solutions [dims], with defaults that suit a unit cube."""
    parameters = parameters_of(algorithms[name])
    arguments = {key: value for key, value in options.items() if key in parameters}
    if "std_schedule" in parameters:
        arguments["std_schedule"] = optax.constant_schedule(options.get("std_schedule", SPREAD))
        if "optimizer" in parameters:
            arguments.setdefault("optimizer", RATE)
    if "optimizer" in arguments:
        arguments["optimizer"] = optax.adam(arguments["optimizer"])
    if "sampling_fn" in parameters:
        arguments["sampling_fn"] = lambda key: jax.random.uniform(key, (dims,))
    arguments["population_size"] = size
    return algorithms[name](solution=jnp.zeros(dims), **arguments)


def _make(name: str, context: SearchContext, options: BaseModel) -> EvosaxSearcher:
    chosen, dims = given(options), len(context.space)
    sizes = _sizes(name, context, chosen.get("population_size"))
    if "num_generations" in type(options).model_fields and context.evaluations is not None:
        chosen.setdefault("num_generations", -(-context.evaluations // sizes[0]))
    algorithm, params = _fitting(name, tuple(sizes), dims, tuple(chosen.items()))
    return EvosaxSearcher(
        context.space, algorithm, context.own_seed, params=params, first=context.first
    )


@lru_cache(maxsize=16)  # searchers of one kind share their compiled functions
def _fitting(
    name: str, sizes: tuple[int, ...], dims: int, options: tuple[tuple[str, Any], ...]
) -> tuple[Any, Any]:
    """The algorithm at the first size that evosax accepts, and its params."""
    refusals: list[str] = []
    for size in sizes:
        try:
            algorithm = _algorithm(name, size, dims, dict(options))
            params = _params(algorithm, dict(options))
            rows = _rehearsal(algorithm, params)
        except (AssertionError, TypeError, ValueError, ZeroDivisionError) as error:
            refusals.append(str(error).split("\n")[0])
            continue
        if np.isfinite(rows()).all():
            return algorithm, params
        refusals.append("its second generation is not finite.")
        break
    raise ConfigError(
        f"strategies.evosax.{name}: evosax refuses population_size={sizes[0]} or another option "
        f"over {dims} dimensions: {' '.join(dict.fromkeys(refusals))}"
    )


def _sizes(name: str, context: SearchContext, given_size: int | None) -> Sequence[int]:
    """The generation sizes to try: the given one, or downwards from the study's."""
    if given_size is not None:
        return [given_size]
    dims = len(context.space)
    wanted = context.population_size or max(8, 4 * dims)
    if name in ROWS_BY_DIMS:
        wanted = min(wanted, dims)
    return range(wanted, max(0, wanted - MOST_SMALLER - 1), -1)


def _params(algorithm: Any, chosen: dict[str, Any]) -> Any:
    params = algorithm.default_params
    spread = {"std_init": SPREAD} if hasattr(params, "std_init") else {}
    own = {key: value for key, value in chosen.items() if hasattr(params, key)}
    return params.replace(**spread | own)


def _rehearsal(algorithm: Any, params: Any) -> Callable[[], jax.Array]:
    """A function that returns the rows of a second generation; ValueError for a wrong shape.

    evosax refuses some sizes and options only then. The shapes cost little; the search reuses the
    functions that are compiled for the values.
    """
    key, dims = named_key(0), algorithm.num_dims
    first = np.asarray(jax.random.uniform(key, (algorithm.population_size, dims)))

    def rows() -> jax.Array:
        if isinstance(algorithm, PopulationBasedAlgorithm):
            state = algorithm.init(key, first, first.sum(1), params)
        else:
            state = algorithm.init(key, first[0], params)
        asked, state = algorithm.ask(key, state, params)
        state, _ = algorithm.tell(key, asked, jnp.sum(asked, 1), state, params)
        return algorithm.ask(key, state, params)[0]

    shape = jax.eval_shape(rows).shape
    if shape != first.shape:
        raise ValueError(f"it makes {shape[0]} rows of {first.shape[0]}.")
    return rows
