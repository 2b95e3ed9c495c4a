"""Creates, translates and evaluates weights as variables of the networks' Flax modules."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.config.model import AnyModel
from hptjax.data.dataset import ImageDataset
from hptjax.errors import DataError
from hptjax.models.chain import chain_of
from hptjax.models.module import module_of, module_path
from hptjax.models.signature import NetShape, net_shape, walk
from hptjax.models.weights import (
    exact_arrays,
    initial_statistics,
    initial_weights,
    statistics,
    weights,
)
from hptjax.settings import fixed_settings

_COLLECTIONS = {"weights": "params", "statistics": "batch_stats"}


@fixed_settings()
def init_variables(config: AnyModel, key: Array) -> dict:
    """Draws the variables of the config's module, as a member with this key starts.

    Example:
        >>> import hptjax, jax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> sorted(hptjax.init_variables(model, jax.random.key(0)))
        ['batch_stats', 'params']
    """
    body = net_shape(config)
    return exact_variables(config, exact_arrays(body, body, *jax.device_get(_start(body, key))))


@partial(jax.jit, static_argnums=0)
def _start(body: NetShape, key: Array) -> tuple[Array, Array]:
    """Draws by one program: each operation by itself would be compiled for each shape."""
    return initial_weights(key, body, body.layers), initial_statistics(key, body, body.layers)


def exact_variables(config: AnyModel, flat: Mapping[str, np.ndarray]) -> dict:
    """Turns exact-shape arrays into Flax variables {"params": ..., "batch_stats": ...}.

    flat: arrays by the names of `weights`; norms that are switched off are left out.
    """
    tree: dict = {"params": {}, "batch_stats": {}}
    incoming = net_shape(config).signature.incoming
    for placed, shape in walk(incoming, chain_of(config)):
        for kind, collection in _COLLECTIONS.items():
            for name in getattr(placed.layer, kind)(shape):
                found = np.asarray(flat[f"{placed.name}.{name}"])
                (*inner, leaf), value = placed.layer.variable(name, found)
                node = tree[collection]
                for step in module_path(config, placed.name, tuple(inner)):
                    node = node.setdefault(step, {})
                node[leaf] = value
    return tree


def flat_arrays(config: AnyModel, variables: Mapping) -> dict[str, np.ndarray]:
    """Inverts `exact_variables`: returns Flax variables by the names of `weights`."""
    flat: dict[str, np.ndarray] = {}
    incoming = net_shape(config).signature.incoming
    for placed, shape in walk(incoming, chain_of(config)):
        for kind, collection in _COLLECTIONS.items():
            for name, weight in getattr(placed.layer, kind)(shape).items():
                places = np.arange(weight.size).reshape(weight.shape)
                (*inner, leaf), turned = placed.layer.variable(name, places)
                node = variables[collection]
                for step in module_path(config, placed.name, tuple(inner)):
                    node = node[step]
                array = np.empty(weight.size, np.float32)
                array[turned.reshape(-1)] = np.asarray(node[leaf]).reshape(-1)
                flat[f"{placed.name}.{name}"] = array.reshape(weight.shape)
    return flat


def check_variables(config: AnyModel, variables: Mapping) -> None:
    """Raises DataError, naming the first array, unless these variables fit the config's network."""
    body = net_shape(config)
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
    config: AnyModel,
    variables: Mapping,
    dataset: ImageDataset,
    *,
    measures: Sequence[str] = (),
    batch: int = 250,
) -> dict[str, float]:
    """Returns the task's measures of one trained network on a data set: {measure: value}.

    For a classification: `loss`, the mean cross-entropy [nats], and `accuracy`. measures: further
    ones, such as macro_f1. Raises ConfigError for labels of another kind, or an unknown measure.
    """
    model = module_of(config)

    def outputs_of(images):
        return jnp.asarray(model.apply(variables, images, train=False))

    return _measured(config, dataset, dataset.images, outputs_of, measures, batch)


@fixed_settings()
def evaluate_outputs(
    config: AnyModel, outputs: np.ndarray, dataset: ImageDataset, measures: Sequence[str] = ()
) -> dict[str, float]:
    """Does what `evaluate_variables` does, given the outputs of the last layer, float32 [N, K]."""
    return _measured(config, dataset, outputs, lambda part: part, measures, 250)


def _measured(
    config: AnyModel,
    dataset: ImageDataset,
    inputs: np.ndarray,
    outputs_of: Callable[[Any], Array],
    measures: Sequence[str],
    batch: int,
) -> dict[str, float]:
    """Returns the task's measures of a function's outputs for inputs [N, ...], batch by batch."""
    config.task.options.check(dataset)
    task = config.task.options.fitted(dataset)
    chosen = {name: task.measure(name) for name in dict.fromkeys([*task.measures, *measures])}
    for measure in chosen.values():
        measure.check(dataset)

    @jax.jit
    def sums_of(part, targets):
        outputs = outputs_of(part).T
        real = jnp.ones(len(part), bool)
        return {
            name: value
            for measure in chosen.values()
            for name, value in measure.sums(outputs, targets, real).items()
        }

    total: dict[str, np.ndarray] = {}
    for start in range(0, dataset.size, batch):
        part = slice(start, start + batch)
        for name, value in jax.device_get(sums_of(inputs[part], dataset.labels[part])).items():
            total[name] = total.get(name, 0) + value.astype(np.float64)
    total["images"] = np.array(dataset.size, np.float64)
    return {name: float(measure.value(total)) for name, measure in chosen.items()}
