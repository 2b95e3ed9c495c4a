"""Weights in two forms: the engine's flat names and layouts, and the variables of the Flax
Classifier.
"""

from collections.abc import Mapping

import jax
import numpy as np
from jax import Array

from hptjax.config.schema import ModelConfig
from hptjax.models.flat import exact_arrays, initial_places, initial_statistics
from hptjax.models.init import draw
from hptjax.models.signature import exact_body

_PARTS = {"scale": ("params", "scale"), "shift": ("params", "bias")}
_PARTS |= {part: ("batch_stats", part) for part in ("mean", "var")}


def init_variables(config: ModelConfig, key: Array) -> dict:
    """Initial variables of Classifier.from_config(config): those that a population member with this
    key starts from.
    """
    body = exact_body(config)
    params = jax.device_get(draw(key, *initial_places(body, body)))
    return exact_variables(config, exact_arrays(body, body, params, initial_statistics(body, body)))


def exact_variables(config: ModelConfig, flat: Mapping[str, np.ndarray]) -> dict:
    """The engine's exact-shape arrays as Flax variables {"params": ..., "batch_stats": ...}; unused
    norms left out.
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
