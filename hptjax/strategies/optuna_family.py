"""The samplers of `optuna.samplers` by name, `optuna.GPSampler`, with their own options.

Options that are objects in Python are given by name: `base_sampler` and `independent_sampler` name
a sampler, `crossover` and `mutation` a class of `optuna.samplers.nsgaii`. The study gives the seed
and, by default, the population size.
"""

import inspect
import warnings
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any, ClassVar

import optuna
from optuna.exceptions import ExperimentalWarning
from pydantic import BaseModel, model_validator

from hptjax.config.frozen import Frozen
from hptjax.errors import ConfigError, MissingExtraError, did_you_mean
from hptjax.space import Categorical, Float, Space
from hptjax.strategies.base import SearchContext, SearcherKind
from hptjax.strategies.optuna import GroupTPE, OptunaSearcher, quiet_optuna, searcher_of
from hptjax.strategies.reflect import (
    PLAIN,
    about_of,
    annotation_of,
    check_member,
    given,
    options_model,
    parameters_of,
)

SKIPPED = {
    "BaseSampler": "it is the base class of samplers and proposes nothing",
    "BaseGASampler": "it is the base class of genetic samplers and proposes nothing",
    "nsgaii": "it is a module of crossovers, not a sampler",
}
EXTRAS = {"CmaEsSampler": "cmaes", "GPSampler": "torch"}  # packages, and extras of our own
SINGLE = ("CmaEsSampler", "PartialFixedSampler")  # these may take only one objective
EXHAUSTIVE = ("BruteForceSampler", "GridSampler")
MOST_GRID_POINTS = 100_000  # Optuna's grid is a list
OURS = ("seed", "search_space", "warn_independent_sampling", "warn_asynchronous_seeding")
_OPERATORS = ("BaseCrossover", "BaseMutation")


def kind(name: str) -> SearcherKind:
    """A sampler of Optuna.

    Raises ConfigError if the sampler is unknown or cannot be used.
    """
    check_member("optuna", name, optuna.samplers.__all__, SKIPPED)
    about = about_of(getattr(optuna.samplers, name))
    return SearcherKind(_options(name), partial(_make, name), about, name not in SINGLE)


def members() -> list[str]:
    """The samplers that can be used."""
    return [name for name in optuna.samplers.__all__ if name not in SKIPPED]


class SamplerOptions(Frozen):
    """Options of one sampler; ConfigError for values that its constructor refuses."""

    sampler: ClassVar[str] = ""

    @model_validator(mode="after")
    def _accepted(self) -> "SamplerOptions":
        with warnings.catch_warnings():  # Optuna's warnings about options without effect are shown
            warnings.simplefilter("ignore", ExperimentalWarning)
            _build(self.sampler, given(self), 0, None)
        return self


@lru_cache
def _options(name: str) -> type[BaseModel]:
    sampler = getattr(optuna.samplers, name)
    types: dict[str, Any] = {}
    required = []
    for key, parameter in parameters_of(sampler).items():
        note = annotation_of(parameter)
        by_name = note in (*_OPERATORS, "BaseSampler")
        if key not in OURS and (note in PLAIN or by_name):
            types[key] = str if by_name else PLAIN[note]
            if parameter.default is inspect.Parameter.empty:
                required.append(key)
    base = type(f"{name}Base", (SamplerOptions,), {"sampler": name, "__module__": __name__})
    return options_model(f"{name}Options", types, base=base, required=required)


def _build(
    name: str, options: dict[str, Any], seed: int, space: Space | None
) -> optuna.samplers.BaseSampler:
    """The sampler; ConfigError for values that its constructor refuses."""
    parameters = parameters_of(getattr(optuna.samplers, name))
    arguments = dict(options)
    for key, value in options.items():
        note = annotation_of(parameters[key])
        if note == "BaseSampler":
            arguments[key] = _build(_base(value, f"strategies.optuna.{name}.{key}"), {}, seed, None)
        elif note in _OPERATORS:
            arguments[key] = _operator(value, note, f"strategies.optuna.{name}.{key}")
    if "seed" in parameters:
        arguments["seed"] = seed
    if "search_space" in parameters:
        arguments["search_space"] = {} if space is None else _grid(space)
    constructor = _FreeGrid if name == "GridSampler" else getattr(optuna.samplers, name)
    constructor = GroupTPE if arguments.get("group") else constructor
    try:
        return constructor(**arguments)
    except (ValueError, TypeError, AssertionError) as error:
        raise ConfigError(f"strategies.optuna.{name}: {error}") from None


def _base(name: str, path: str) -> str:
    known = [key for key in optuna.samplers.__all__ if key not in SKIPPED]
    known = [key for key in known if key not in (*EXHAUSTIVE, "PartialFixedSampler")]
    if name not in known:
        raise ConfigError(f"{path}: no sampler {name!r} fits here; {did_you_mean(name, known)}")
    return name


def _operator(name: str, base: str, path: str) -> Any:
    module = optuna.samplers.nsgaii
    owner = getattr(module, base)
    known = [k for k in module.__all__ if k != base and issubclass(getattr(module, k), owner)]
    if name not in known:
        raise ConfigError(f"{path}: unknown {name!r}; {did_you_mean(name, known)}")
    return getattr(module, name)()


def _grid(space: Space) -> dict[str, tuple]:
    if space.grid_size() > MOST_GRID_POINTS:
        raise ConfigError(
            f"strategies.optuna.GridSampler: Optuna holds the grid in memory, at most "
            f"{MOST_GRID_POINTS} points, got {space.grid_size()}: use the strategy 'grid'."
        )
    return {name: entry.points() for name, entry in space.items()}


class _FreeGrid(optuna.samplers.GridSampler):
    """Optuna's grid without its bookkeeping, which fails on trials outside the grid."""

    def after_trial(self, *args: Any, **named: Any) -> None:
        """Does not stop the study, as Optuna would: the searcher sees itself that it is over."""


def _make(name: str, context: SearchContext, options: SamplerOptions) -> OptunaSearcher:
    chosen, path = given(options), f"strategies.optuna.{name}"
    _check_packages(name, chosen)
    _check_space(name, path, context.space, chosen)
    for size in ("population_size", "popsize"):
        if size in type(options).model_fields and context.population_size is not None:
            chosen.setdefault(size, max(2, context.population_size))
    if name == "TPESampler" and context.space.conditions and chosen.get("multivariate", True):
        chosen.setdefault("group", True)
    with quiet_optuna():
        sampler = _build(name, chosen, context.own_seed, context.space)
    return searcher_of(
        context,
        sampler,
        fixed=chosen.get("fixed_params"),
        exhaustive=name in EXHAUSTIVE,
    )


def _check_packages(name: str, chosen: dict[str, Any]) -> None:
    for sampler in (name, *map(str, chosen.values())):
        package = EXTRAS.get(sampler)
        if package is not None and find_spec(package) is None:
            raise MissingExtraError(f"optuna.{sampler}", package, package)


def _check_space(name: str, path: str, space: Space, chosen: dict[str, Any]) -> None:
    """Raises ConfigError if options do not fit the space: Optuna would fail only when asked."""
    if name == "GridSampler" and space.conditions:
        some = next(iter(space.conditions))
        raise ConfigError(
            f"{path}: Optuna's grid has no conditions, but {some} is not always active: use the "
            "strategy 'grid'."
        )
    if name == "BruteForceSampler":
        for key, entry in space.items():
            if isinstance(entry, Float) and entry.step is None:
                raise ConfigError(f"{path}: needs integers and choices only, but {key} is a float.")
    for option in ("x0", "fixed_params"):
        for key, value in chosen.get(option, {}).items():
            if key not in space:
                where = f"{path}.{option}.{key}"
                raise ConfigError(f"{where}: not in the space; {did_you_mean(key, space)}")
            try:
                chosen[option] = {**chosen[option], key: space[key].check(value)}
            except ConfigError as error:
                raise ConfigError(f"{path}.{option}.{key}: {error}") from None
    if "x0" in chosen:
        for key, entry in space.items():
            always = key not in space.conditions
            if key not in chosen["x0"] and not isinstance(entry, Categorical) and always:
                raise ConfigError(f"{path}.x0.{key}: must be given, it is missing.")
