"""The entry point of the original study: a function from hparams to the validation loss."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from hptjax.config.hparams import bind
from hptjax.config.model import AnyModel, is_augmented
from hptjax.data.channels import spec_of
from hptjax.data.dataset import ImageDataset
from hptjax.data.resize import fitted_pair
from hptjax.entries import Categorical, Entry, Value
from hptjax.errors import ConfigError
from hptjax.executors.local import LocalExecutor, make_trainer
from hptjax.population import Member, evaluate_population
from hptjax.space import Space
from hptjax.study.data import StudyData
from hptjax.study.data_config import DataConfig
from hptjax.study.metrics import check_comparable
from hptjax.transpile.apply import apply_bound
from hptjax.transpile.problem import Problem, meant
from hptjax.transpile.repair import build


def make_objective(
    base: AnyModel,
    space_or_names: Space | Sequence[str],
    train: ImageDataset,
    validation: ImageDataset,
    *,
    epochs: int = 1,
    seed: int = 0,
) -> Callable[[Any], Any]:
    """Makes a function from hparams in their own units to the validation loss after the last epoch.

    The function takes a vector [D] and returns a float, or takes a batch [n, D] and returns [n]:
    one compiled call trains a batch as one population. Coordinates are in the order of the names
    (or of the space), and are rounded and cast as `apply_hparams` does. For choices that are not
    numbers, the coordinate is the position in the list. A network that cannot be built, or
    diverges, gives inf. Raises ConfigError for a name that the network does not have and, with a
    space, for a value outside it.

    With a space, one program is compiled for all its networks at the first call, and again for each
    larger batch; it lives as long as the function. With names only, whose values have no bounds,
    each call compiles for its networks, as `evaluate_population` does. Source: `fx` of the original
    study's transpilation module.

    Example:
        >>> import hptjax
        >>> images = hptjax.load_images("sample").take(range(160))
        >>> train, validation = hptjax.train_validation_split(images, seed=0)
        >>> base = hptjax.Model(layers=["flatten", "head"], batch_size=32)
        >>> fx = hptjax.make_objective(base, ["lr"], train, validation)
        >>> fx([[0.002], [0.01]]).shape
        (2,)
    """
    entries = _entries(space_or_names)
    targets = bind(space_or_names if isinstance(space_or_names, Space) else entries, base)
    check_comparable(["val_loss"], targets, base.task.options)
    for name, entry in entries.items():
        if targets[name].rule.type in ("text", "part") and entry is None:
            raise ConfigError(f"{name}: a text needs its choices, give a Space instead of names.")
    train, validation = fitted_pair(train, validation, *base.size_for(train.image_shape))
    image = spec_of(train, train.num_classes)
    if isinstance(space_or_names, Space):
        problem = Problem(base, space_or_names, image)
        data = StudyData(train, validation)
        evaluate = _SpaceEvaluator(problem, data, epochs=epochs, seed=seed)
    else:
        evaluate = partial(
            evaluate_population, train=train, validation=validation, epochs=epochs, seed=seed
        )

    def objective(x: Any) -> Any:
        rows = _rows(x, len(entries))
        hparams = [
            {name: _value(name, entries[name], u) for name, u in zip(entries, row, strict=True)}
            for row in rows
        ]
        applied = [apply_bound(base, targets, meant(row, entries)) for row in hparams]
        configs = [build(config, image, casts).config for config, casts in applied]
        losses = np.full(len(rows), np.inf)
        fit = [i for i, config in enumerate(configs) if config is not None]
        if fit:
            chosen = [config for config in configs if config is not None]
            losses[fit] = evaluate(chosen)["val_loss"][-1]
        losses[~np.isfinite(losses)] = np.inf
        return losses if np.ndim(x) == 2 else float(losses[0])

    return objective


class _SpaceEvaluator:
    """Trains config k with key k, by one program for the space and the largest batch so far."""

    def __init__(self, problem: Problem, data: StudyData, *, epochs: int, seed: int) -> None:
        self._problem, self._epochs = problem, epochs
        config = DataConfig.model_validate({"augment": is_augmented([problem.base])})
        self._make = partial(make_trainer, data=data, config=config, seed=seed, epochs=epochs)
        self._executor: LocalExecutor | None = None

    def __call__(self, configs: Sequence[AnyModel]) -> Mapping[str, np.ndarray]:
        executor = self._executor
        if executor is None or executor.capacity < len(configs):
            make = partial(self._make, capacity=len(configs))
            executor = self._executor = LocalExecutor(self._problem, make)
        members = [Member(config, k) for k, config in enumerate(configs)]
        return executor.start(members).advance(self._epochs).curves


def _entries(space_or_names: Space | Sequence[str]) -> dict[str, Entry | None]:
    if isinstance(space_or_names, Space):
        return dict(space_or_names)
    entries: dict[str, Entry | None] = dict.fromkeys(space_or_names)
    if len(entries) < len(space_or_names) or not entries:
        raise ConfigError(f"names must not repeat or be empty, got {list(space_or_names)}.")
    return entries


def _rows(x: Any, dimensions: int) -> np.ndarray:
    rows = np.asarray(x, dtype=float)
    if rows.ndim not in (1, 2) or rows.shape[-1] != dimensions:
        raise ConfigError(
            f"a point must have shape [{dimensions}] or [n, {dimensions}], got {list(rows.shape)}."
        )
    return np.atleast_2d(rows)


def _value(name: str, entry: Entry | None, x: float) -> Value:
    if entry is None:
        return float(x)
    if not isinstance(entry, Categorical) or entry.boolean:
        return _checked(name, entry, float(x))
    if all(not isinstance(choice, str | bool) for choice in entry.choices):
        return _checked(name, entry, float(x))
    position = np.floor(x + 0.5)
    if not 0 <= position < len(entry):
        raise ConfigError(
            f"{name}: must be a position in its {len(entry)} choices, from 0, got {x}."
        )
    return entry.choices[int(position)]


def _checked(name: str, entry: Entry, x: float) -> Value:
    try:
        return entry.check(x)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
