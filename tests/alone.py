"""A member trained alone: what each member of a population is held against."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from hptjax.config.augment import variants
from hptjax.config.traced import traced_numbers
from hptjax.data import ImageDataset
from hptjax.models.chain import chain_of
from hptjax.models.keys import dropout_key, init_key, root_key
from hptjax.models.layers.norms import BATCH_NORM
from hptjax.models.module import module_of, module_path
from hptjax.models.variables import init_variables
from hptjax.ops.numbers import Numbers
from hptjax.population import Member
from hptjax.population.compiled import preparing
from hptjax.population.images import as_floats, dataset_arrays
from hptjax.population.lr_schedules.warmup import with_warmup
from tests.nets import SIZE


def without_undone(grads, c):
    """Gradients in which the biases before a batch norm, which takes them out again, have none.

    What JAX computes for them is rounding alone, and Adam steps by its sign: a random walk at the
    full learning rate, which the running means follow too late. It differs from machine to machine.
    """
    undone = {
        (*module_path(c, placed.name, tuple(inner.split("."))), "bias")
        for placed in chain_of(c)
        if getattr(placed.layer, "norm", None) == BATCH_NORM
        for inner in ("conv", "conv1", "conv2", "projection", "linear")
        if inner in _inner_names(placed.layer)
    }

    def kept(path, g):
        names = tuple(step.key for step in path)
        return jnp.zeros_like(g) if names in undone else g

    return jax.tree.map_with_path(kept, grads)


def _inner_names(layer):
    channels = (1, 64, 64) if layer.takes == "maps" else (64,)
    return {name.rpartition(".")[0] for name in layer.weights(channels)}


def alone(
    member: Member,
    seed: int,
    train: ImageDataset,
    validation: ImageDataset,
    epochs: int,
    images_per_epoch: int | None = None,
):
    """The reference: Flax modules with lax.conv at the exact shape, optax's Adam, a plain loop.

    Other optimizers and the schedules are the tables' own, leaf by leaf and step by step: the tests
    hold those against PyTorch.
    """
    c, model, study_key = member.config, module_of(member.config), root_key(seed)
    variables = init_variables(c, init_key(study_key, jnp.uint32(member.key)))
    begin, update = _adam(c) if c.optimizer.name == "adam" else _own(c)
    state = begin(variables["params"])
    weights = class_weights(c.task.options, train)

    @jax.jit
    def step(variables, state, x, labels, key, lr, count):
        def objective(params):
            logits, new = model.apply(
                {**variables, "params": params},
                x,
                train=True,
                dropout_key=key,
                mutable=["batch_stats"],
            )
            return cross_entropy(logits, labels, weights, c.task.options.label_smoothing), new

        (loss, new), grads = jax.value_and_grad(objective, has_aux=True)(variables["params"])
        params, state = update(variables["params"], without_undone(grads, c), state, lr, count)
        return {"params": params, **new}, state, loss

    losses, steps = [], (images_per_epoch or train.size) // c.batch_size
    chosen = variants(True) if c.augment is None else variants(c.augment)
    prepare = preparing(chosen, False, images_per_epoch)
    for epoch in range(epochs):
        data = prepare(dataset_arrays(train, validation), study_key, jnp.uint32(epoch))
        key = dropout_key(study_key, jnp.uint32(member.key), jnp.uint32(epoch))
        for i in range(steps):
            part = slice(i * c.batch_size, (i + 1) * c.batch_size)
            x = as_floats(data.train[part].reshape(-1, SIZE, SIZE, 1))
            count = epoch * steps + i
            variables, state, loss = step(
                variables,
                state,
                x,
                data.train_labels[part],
                jax.random.fold_in(key, i),
                learning_rate(c, count, epochs * steps),
                jnp.int32(count + 1),
            )
            losses.append(float(loss))
    return variables, np.array(losses)


def class_weights(task, train: ImageDataset) -> jax.Array:
    """One for each class; balanced ones as scikit-learn has them."""
    if task.class_weights == "none":
        return jnp.ones(train.num_classes)
    assert task.class_weights == "balanced"
    counts = np.bincount(train.labels, minlength=train.num_classes)
    assert counts.all()
    return jnp.asarray(train.size / (train.num_classes * counts), jnp.float32)


def cross_entropy(logits, labels, weights, smoothing: float):
    """PyTorch's, of labels that are spread over all classes; logits: [B, K], weights: [K]."""
    targets = optax.smooth_labels(jax.nn.one_hot(labels, len(weights)), smoothing)
    losses = -(weights * targets * jax.nn.log_softmax(logits)).sum(1)
    return losses.sum() / weights[labels].sum()


def _adam(c):
    """optax's Adam with L2, which hptjax's own is not made of; its rate comes with each step."""
    adam = c.optimizer.options
    chain = optax.chain(
        optax.add_decayed_weights(c.weight_decay),
        optax.scale_by_adam(adam.beta_1, adam.beta_2, adam.epsilon),
    )

    def update(params, grads, state, lr, _):
        updates, state = chain.update(grads, state, params)
        return jax.tree.map(lambda p, u: p - lr * u, params, updates), state

    return chain.init, update


def _own(c):
    """An optimizer of the table on each leaf of the parameters by itself."""
    optimizer = c.optimizer.options
    own = {name: getattr(optimizer, name) for name in traced_numbers(optimizer)}

    def numbers(lr, step):
        return Numbers(lr=lr, weight_decay=c.weight_decay, step=step, **own)

    def begin(params):
        h = numbers(c.lr, 0)
        return jax.tree.map(lambda p: optimizer.start(p.ravel(), h), params)

    def update(params, grads, state, lr, step):
        def leaf(p, g, slots):
            new, slots = optimizer.update(p.ravel(), g.ravel(), slots, numbers(lr, step))
            return new.reshape(p.shape), slots

        both = jax.tree.map(leaf, params, grads, state)
        return tuple(jax.tree.map(lambda _, pair, k=k: pair[k], params, both) for k in (0, 1))

    return begin, update


def learning_rate(c, count: int, steps: int) -> float:
    """The rate of a member at one step, from its schedule's own function."""
    schedule = c.lr_schedule.options
    own = {name: jnp.float32(getattr(schedule, name)) for name in traced_numbers(schedule)}
    h = Numbers(steps=jnp.float32(steps), **own)
    progress = jnp.float32(count) / jnp.float32(steps)
    return c.lr * float(with_warmup(schedule, progress, jnp.float32(c.warmup), h))
