"""One call for users with a loop of their own: train a population."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError
from hptjax.population.pack import Member
from hptjax.population.plan import make_plan
from hptjax.population.resident import Population
from hptjax.population.trainer import PopulationTrainer


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
    as it would alone as trial k. For many generations keep a PopulationTrainer, which compiles
    once. Raises ConfigError for a config that is not valid or not repaired.
    """
    if epochs < 1:
        raise ConfigError(f"epochs must be at least 1, got {epochs}.")
    members = [Member(_checked(config), k) for k, config in enumerate(configs)]
    trainer = PopulationTrainer(
        make_plan(
            [member.config for member in members], samples=epochs * len(members) * train.size
        ),
        train,
        validation,
        seed=seed,
        augment=augment,
        devices=devices,
    )
    return dict(Population.start(trainer, members).advance(epochs).curves)


def _checked(config: ModelConfig | Mapping[str, Any]) -> ModelConfig:
    """Pydantic's `model_construct` builds configs that nobody has looked at."""
    return ModelConfig.from_dict(
        config.model_dump(warnings=False) if isinstance(config, ModelConfig) else config
    )
