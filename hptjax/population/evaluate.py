"""One call for users with a loop of their own: train a population."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.errors import ConfigError
from hptjax.population.pack import Member
from hptjax.population.places import places_for
from hptjax.population.plan import Plan, make_plan
from hptjax.population.price import price_for
from hptjax.population.resident import Population
from hptjax.population.trainer import PopulationTrainer

KEPT = 4  # trainers, the last used ones: each holds a program and a copy of its images

_trainers: OrderedDict[Hashable, PopulationTrainer] = OrderedDict()


def evaluate_population(
    configs: Sequence[ModelConfig | Mapping[str, Any]],
    train: ImageDataset,
    validation: ImageDataset,
    *,
    epochs: int = 1,
    seed: int = 0,
    augment: bool = True,
    devices: Sequence[Any] | None = None,
) -> dict[str, np.ndarray]:
    """Trains all these (repaired) configs together; {metric: [epochs, P]}, in their order.

    The metrics are train_loss, train_accuracy, val_loss and val_accuracy. Config k trains exactly
    as it would alone as trial k. A further call compiles nothing where its networks need the same
    bodies (`make_plan`), no more of them, on the same images: the last KEPT programs are kept. For
    a search over widths keep a PopulationTrainer. Raises ConfigError for a config that is not valid
    or not repaired.
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
    trainer = _trainer(plan, train, validation, seed, augment, places)
    return dict(Population.start(trainer, members).advance(epochs).curves)


def _trainer(
    plan: Plan,
    train: ImageDataset,
    validation: ImageDataset,
    seed: int,
    augment: bool,
    places: tuple[Any, ...],
) -> PopulationTrainer:
    """One for these bodies and images, whose content counts: an array may have been written to."""
    images = dataset_digest(train), dataset_digest(validation)
    key = plan.bodies, plan.choices, images, seed, augment, places
    trainer = _trainers.pop(key, None)
    if trainer is None or trainer.plan.capacity < plan.capacity:
        trainer = PopulationTrainer(
            plan, train, validation, seed=seed, augment=augment, devices=places
        )
    _trainers[key] = trainer
    while len(_trainers) > KEPT:
        _trainers.popitem(last=False)
    return trainer


def _checked(config: ModelConfig | Mapping[str, Any]) -> ModelConfig:
    """Pydantic's `model_construct` builds configs that nobody has looked at."""
    return ModelConfig.from_dict(
        config.model_dump(warnings=False) if isinstance(config, ModelConfig) else config
    )
