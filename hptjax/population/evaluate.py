"""The two calls for users with a loop of their own: train a population, and measure one trained
network.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError
from hptjax.models.classifier import Classifier
from hptjax.models.forward import correct, cross_entropy
from hptjax.population.pack import Member
from hptjax.population.plan import make_plan
from hptjax.population.trainer import PopulationTrainer


def evaluate_population(
    configs: Sequence[ModelConfig | Mapping],
    train: ImageDataset,
    validation: ImageDataset,
    *,
    epochs: int = 1,
    seed: int = 0,
    augment: bool = True,
    devices: Sequence[Any] | None = None,
) -> dict[str, np.ndarray]:
    """Trains all these (repaired) configs together; metrics {train_loss, train_accuracy, val_loss,
    val_accuracy}.

    Every metric is [epochs, P], in the order of configs. Config k trains exactly as it would alone
    as trial k. For many generations keep a PopulationTrainer, which compiles once.
    """
    if epochs < 1:
        raise ConfigError(f"epochs must be at least 1, got {epochs}.")
    configs = [c if isinstance(c, ModelConfig) else ModelConfig.from_dict(c) for c in configs]
    trainer = PopulationTrainer(
        make_plan(configs), train, validation, seed=seed, augment=augment, devices=devices
    )
    state = trainer.start([Member(config, k) for k, config in enumerate(configs)])
    history = []
    for epoch in range(epochs):
        state, metrics = trainer.epoch(state, epoch)
        history.append(metrics)
    return {name: np.stack([metrics[name] for metrics in history]) for name in history[0]}


def evaluate_variables(
    config: ModelConfig, variables: Mapping, dataset: ImageDataset, *, batch: int = 250
) -> tuple[float, float]:
    """Mean cross-entropy [nats] and accuracy of one trained network on a data set."""
    model = Classifier.from_config(config)

    @jax.jit
    def totals(images, labels):
        outputs = model.apply(variables, images.astype(jnp.float32) / 255, train=False)
        logits = jnp.asarray(outputs).T
        return cross_entropy(logits, labels).sum(), correct(logits, labels).sum()

    loss = hits = 0.0
    for start in range(0, dataset.size, batch):
        part = dataset.take(np.arange(start, min(start + batch, dataset.size)))
        batch_loss, batch_hits = totals(part.images, part.labels)
        loss, hits = loss + float(batch_loss), hits + int(batch_hits)
    return loss / dataset.size, hits / dataset.size
