"""A member trained alone: what each member of a population is held against."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from hptjax.data import ImageDataset
from hptjax.data.augmentations.table import variants
from hptjax.models import Classifier, init_variables
from hptjax.models.keys import dropout_key, init_key, root_key
from hptjax.population import Member
from hptjax.population.images import dataset_arrays, epoch_input
from hptjax.population.optimiser import EPSILON
from tests.nets import SIZE


def without_undone(grads, c):
    """Gradients in which the biases before a batch norm, which takes them out again, have none.

    What JAX computes for them is rounding alone, and Adam steps by its sign: a random walk at the
    full learning rate, which the running means follow too late. It differs from machine to machine.
    """

    def undone(path):
        part, layer, *rest = jax.tree_util.keystr(path, simple=True, separator=".").split(".")
        if rest[-1] != "bias":
            return False
        if part == "resnet":
            return layer.startswith("blocks_") and rest[-2] == "conv"
        kind, number = layer.split("_")
        return kind == "linear" and c.mlp_config.block_list[int(number)].batch_norm

    return jax.tree.map_with_path(lambda path, g: jnp.zeros_like(g) if undone(path) else g, grads)


def alone(
    member: Member,
    seed: int,
    train: ImageDataset,
    validation: ImageDataset,
    epochs: int,
    *,
    epsilon: float = EPSILON,
):
    """The reference: Flax modules with lax.conv at the exact shape, optax's Adam, a plain loop."""
    c, model, study_key = member.config, Classifier.from_config(member.config), root_key(seed)
    variables = init_variables(c, init_key(study_key, jnp.uint32(member.trial)))
    optimiser = optax.chain(
        optax.add_decayed_weights(c.weight_decay),
        optax.scale_by_adam(c.beta_1, c.beta_2, epsilon),
        optax.scale(-c.lr),
    )
    state = optimiser.init(variables["params"])

    @jax.jit
    def step(variables, state, x, labels, key):
        def objective(params):
            logits, new = model.apply(
                {**variables, "params": params},
                x,
                train=True,
                dropout_key=key,
                mutable=["batch_stats"],
            )
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
            return loss, new

        (loss, new), grads = jax.value_and_grad(objective, has_aux=True)(variables["params"])
        updates, state = optimiser.update(without_undone(grads, c), state, variables["params"])
        params = optax.apply_updates(variables["params"], updates)
        return {"params": params, **new}, state, loss

    losses = []
    for epoch in range(epochs):
        arrays = dataset_arrays(train, validation)
        data = epoch_input(arrays, study_key, jnp.uint32(epoch), variants(True), False)
        key = dropout_key(study_key, jnp.uint32(member.trial), jnp.uint32(epoch))
        for i in range(train.size // c.batch_size):
            part = slice(i * c.batch_size, (i + 1) * c.batch_size)
            x = data.train[part].reshape(-1, SIZE, SIZE, 1).astype(jnp.float32) / 255
            variables, state, loss = step(
                variables, state, x, data.train_labels[part], jax.random.fold_in(key, i)
            )
            losses.append(float(loss))
    return variables, np.array(losses)
