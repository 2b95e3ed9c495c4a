"""Trains a population in one call, for users with their own loop; a cache keeps the trainers."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from hptjax.config.augment import Augment, AugmentTree, augmentations
from hptjax.config.model import AnyModel, is_augmented, read_model
from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.errors import ConfigError
from hptjax.population.pack import Member
from hptjax.population.places import places_for
from hptjax.population.plan import Plan, make_plan
from hptjax.population.price import price_for
from hptjax.population.resident import Population
from hptjax.population.trainer import PopulationTrainer

KEPT = 4  # trainers used last: each holds a program and a copy of its images


@dataclass
class _Kept:
    """A trainer, and the lock of the thread that trains with it."""

    trainer: PopulationTrainer
    lock: Lock = field(default_factory=Lock)


class TrainerCache:
    """The trainers used last, keyed by what they are made from; threads may share it."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._lock = kept, Lock()
        self._entries: OrderedDict[Hashable, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Drops all programs and images; a thread that is training goes on."""
        with self._lock:
            self._entries.clear()

    def get(
        self,
        plan: Plan,
        train: ImageDataset,
        validation: ImageDataset,
        seed: int,
        augment: Augment,
        horizon: int | None,
        devices: tuple[Any, ...],
    ) -> _Kept:
        """Returns a trainer for these bodies and images; compares contents: arrays may change."""
        images = dataset_digest(train), dataset_digest(validation)
        key = plan.bodies, plan.choices, images, seed, augment, horizon, devices
        with self._lock:
            found = self._entries.pop(key, None)
            if found is None or found.trainer.plan.capacity < plan.capacity:
                found = _Kept(
                    PopulationTrainer(
                        plan,
                        train,
                        validation,
                        seed=seed,
                        horizon=horizon,
                        augment=augment,
                        devices=devices,
                    )
                )
            self._entries[key] = found
            while len(self._entries) > self._kept:
                self._entries.popitem(last=False)
        return found


_cache = TrainerCache()


def clear() -> None:
    """Empties the cache of `evaluate_population`: frees the memory of programs and images."""
    _cache.clear()


def evaluate_population(
    configs: Sequence[AnyModel | Mapping[str, Any]],
    train: ImageDataset,
    validation: ImageDataset,
    *,
    epochs: int = 1,
    seed: int = 0,
    augment: AugmentTree | None = None,
    devices: Sequence[Any] | None = None,
) -> dict[str, np.ndarray]:
    """Trains all configs, which must be repaired, together; returns {metric: [epochs, P]}.

    The columns are in the order of the configs. The metrics are those of the task: train_loss,
    train_accuracy, val_loss and val_accuracy for a classification. Config k trains exactly as it
    would alone as trial k, except for rounding where the others give it a wider body.

    augment: for networks whose config has no augment; by default the original's flip and rotation
    if any config has the original's form, and none if all are lists of layers or classes.

    A further call on the same images compiles nothing if its networks need no bodies (`make_plan`)
    but those of an earlier call: a cache keeps the last KEPT programs with their images, until
    `hptjax.population.evaluate.clear()`. Threads may call this in parallel; those that need one
    program train one after another. For a search over widths keep a PopulationTrainer.

    Raises ConfigError for a config that is not valid or not repaired.

    Example:
        >>> import hptjax
        >>> images = hptjax.load_images("sample").take(range(160))
        >>> train, validation = hptjax.train_validation_split(images, seed=0)
        >>> models = [
        ...     hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10, lr=lr)
        ...     for lr in (0.001, 0.01)
        ... ]
        >>> hptjax.evaluate_population(models, train, validation, epochs=1)["val_loss"].shape
        (1, 2)
    """
    if epochs < 1:
        raise ConfigError(f"epochs must be at least 1, got {epochs}.")
    members = [Member(_checked(config), k) for k, config in enumerate(configs)]
    places = places_for(devices)
    plan = make_plan(
        [member.config for member in members],
        samples=epochs * len(members) * train.size,
        price=price_for(places[0].platform),
    )
    if augment is None:
        augment = is_augmented(member.config for member in members)
    horizon = epochs if plan.choices.scheduled else None  # otherwise any number of epochs will do
    kept = _cache.get(plan, train, validation, seed, augmentations(augment), horizon, places)
    with kept.lock:
        return dict(Population.start(kept.trainer, members).advance(epochs).curves)


def _checked(config: AnyModel | Mapping[str, Any]) -> AnyModel:
    """Validates a config: Pydantic's `model_construct` builds configs without validation."""
    tree = config if isinstance(config, Mapping) else config.model_dump(warnings=False)
    return read_model(tree)
