"""Weights as variables of the Flax Classifier: made, translated from flat names, measured."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.config.schema import ModelConfig
from hptjax.data.dataset import ImageDataset
from hptjax.errors import DataError
from hptjax.models.classifier import Classifier
from hptjax.models.signature import exact_body
from hptjax.models.weights import (
    exact_arrays,
    initial_statistics,
    initial_weights,
    statistics,
    weights,
)
from hptjax.settings import fixed_settings

_PARTS = {"scale": ("params", "scale"), "shift": ("params", "bias")}
_PARTS |= {part: ("batch_stats", part) for part in ("mean", "var")}


@fixed_settings()
def init_variables(config: ModelConfig, key: Array) -> dict:
    """Initial variables of Classifier.from_config(config), as a member with this key has them."""
    body = exact_body(config)
    start = initial_weights(key, body, body.widths), initial_statistics(body, body.widths)
    return exact_variables(config, exact_arrays(body, body, *jax.device_get(start)))


def exact_variables(config: ModelConfig, flat: Mapping[str, np.ndarray]) -> dict:
    """Exact-shape arrays as Flax variables {"params": ..., "batch_stats": ...}.

    flat: by the names of `weights`; norms that are switched off are left out.
    """
    tree: dict = {"params": {}, "batch_stats": {}}
    layers = config.mlp_config.block_list
    for name, value in flat.items():
        stage, part = name.rsplit(".", 1)
        names = stage.split(".")
        if names[0] == "mlp" and names[2] == "bn" and not layers[int(names[1])].batch_norm:
            continue
        collection, leaf, path = _place(stage, part)
        node = tree[collection]
        for step in path:
            node = node.setdefault(step, {})
        node[leaf] = _to_flax(part, stage, np.asarray(value))
    return tree


def _place(stage: str, part: str) -> tuple[str, str, list[str]]:
    """Collection, leaf name and path of modules in the Flax tree."""
    collection, leaf = _PARTS.get(part, ("params", part))
    names = stage.split(".")
    if names[0] == "mlp":
        return collection, leaf, ["mlp", f"{names[2]}_{names[1]}"]
    if names[0] == "blocks":
        path = ["resnet", f"blocks_{names[1]}", names[2]]
    else:
        path = ["resnet", names[0]]
    return collection, leaf, path if part in _PARTS else [*path, "conv"]


def _to_flax(part: str, stage: str, value: np.ndarray) -> np.ndarray:
    if part != "kernel":
        return value
    if stage.startswith("mlp"):
        return value.reshape(value.shape[0], -1).T
    return value.transpose(1, 2, 3, 0)


def check_variables(config: ModelConfig, variables: Mapping) -> None:
    """DataError, naming the first array, unless these are variables of the config's network."""
    body = exact_body(config)
    kinds = weights(body) | statistics(body)
    empty = {name: np.empty(kind.shape, np.float32) for name, kind in kinds.items()}
    wanted, found = (_shapes(tree) for tree in (exact_variables(config, empty), variables))
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise DataError(
                f"{name}: must be {wanted.get(name, 'left out')} for this network, "
                f"got {found.get(name, 'nothing')}."
            )


def _shapes(variables: Mapping) -> dict[str, str]:
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    return {
        "/".join(str(step.key) for step in path): f"{leaf.dtype} {list(leaf.shape)}"
        for path, leaf in leaves
    }


@fixed_settings()
def evaluate_variables(
    config: ModelConfig,
    variables: Mapping,
    dataset: ImageDataset,
    *,
    measures: Sequence[str] = (),
    batch: int = 250,
) -> dict[str, float]:
    """What the task of one trained network measures of it on a data set: {measure: value}.

    Of a classification `loss`, the mean cross-entropy [nats], and `accuracy`. measures: further
    ones, as macro_f1. Raises ConfigError for labels of another kind, or an unknown measure.
    """
    config.task.options.check(dataset)
    model, task = Classifier.from_config(config), config.task.options.fitted(dataset)
    chosen = {name: task.measure(name) for name in dict.fromkeys([*task.measures, *measures])}
    for measure in chosen.values():
        measure.check(dataset)

    @jax.jit
    def sums_of(images, targets):
        outputs = jnp.asarray(model.apply(variables, images, train=False)).T
        real = jnp.ones(len(images), bool)
        return {
            name: value
            for measure in chosen.values()
            for name, value in measure.sums(outputs, targets, real).items()
        }

    total: dict[str, np.ndarray] = {}
    for start in range(0, dataset.size, batch):
        part = dataset.take(np.arange(start, min(start + batch, dataset.size)))
        for name, value in jax.device_get(sums_of(part.images, part.labels)).items():
            total[name] = total.get(name, 0) + value.astype(np.float64)
    total["images"] = np.array(dataset.size, np.float64)
    return {name: float(measure.value(total)) for name, measure in chosen.items()}
