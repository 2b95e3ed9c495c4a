"""The study's network as one would write it in plain Flax, and a plain optax train step."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from .common import Config

Array = jax.Array
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda x: x,
    "relu": nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": nn.sigmoid,
    "logsoftmax": nn.log_softmax,
}


def _padding(kernel: int, padding: int | str) -> list[tuple[int, int]]:
    low, high = ((kernel - 1) // 2, kernel // 2) if padding == "same" else (padding, padding)
    return [(int(low), int(high))] * 2


class ResBlock(nn.Module):
    """conv-bn-relu-conv-bn plus a 1x1 conv-bn shortcut, then relu. x: [B, H, W, C]."""

    width: int
    kernel: int
    stride: int
    padding: int | str

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        pad, k = _padding(self.kernel, self.padding), (self.kernel, self.kernel)

        def norm(z: Array) -> Array:
            return nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)(z)

        y = nn.relu(norm(nn.Conv(self.width, k, self.stride, padding=pad)(x)))
        y = norm(nn.Conv(self.width, k, padding=pad)(y))
        return nn.relu(y + norm(nn.Conv(self.width, (1, 1), self.stride, padding="VALID")(x)))


class FlaxClassifier(nn.Module):
    """ResNet, average pool, MLP; the shape comes as nested tuples so that it can be hashed."""

    convs: tuple[tuple, ...]  # (width, kernel, stride, padding), the first convolution first
    pool: int
    layers: tuple[tuple, ...]  # (width, activation, batch norm, dropout)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        width, k, stride, padding = self.convs[0]
        x = nn.Conv(width, (k, k), stride, padding=_padding(k, padding))(x)
        for block in self.convs[1:]:
            x = ResBlock(*block)(x, train)
        x = nn.avg_pool(x, (self.pool, self.pool), (self.pool, self.pool))
        x = x.reshape(len(x), -1)
        for width, activation, batch_norm, dropout in self.layers:
            x = nn.Dense(width)(x)
            if batch_norm:
                x = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)(x)
            x = nn.Dropout(dropout, deterministic=not train)(ACTIVATIONS[activation](x))
        return x


def make_model(member: Config) -> FlaxClassifier:
    """The plain Flax model of a member."""
    net = member["resnet_config"]
    conv = ("out_channels", "kernel_size", "stride", "padding")
    slp = ("out_size", "activation_fun", "batch_norm", "dropout")
    return FlaxClassifier(
        tuple(tuple(c[key] for key in conv) for c in (net["first_conv"], *net["block_list"])),
        net["pool_size"],
        tuple(tuple(b[key] for key in slp) for b in member["mlp_config"]["block_list"]),
    )


def optimiser_numbers(member: Config) -> dict[str, float]:
    """The numbers that may differ between members of one shape."""
    return {key: float(member[key]) for key in ("lr", "weight_decay", "beta_1", "beta_2")}


def make_adam(numbers: dict[str, Any]) -> optax.GradientTransformation:
    """Adam with L2 added to the gradient, as torch's `Adam(weight_decay)`."""
    return optax.chain(
        optax.add_decayed_weights(numbers["weight_decay"]),
        optax.adam(numbers["lr"], numbers["beta_1"], numbers["beta_2"]),
    )


def init_state(model: FlaxClassifier, numbers: dict[str, Any], key: Array, x: Array) -> tuple:
    """(params, batch statistics, optimiser state, key)."""
    key_init, key_train = jax.random.split(key)
    variables = model.init(key_init, x, False)
    params = variables["params"]
    return params, variables["batch_stats"], make_adam(numbers).init(params), key_train


def train_step(
    model: FlaxClassifier, numbers: dict[str, Any], state: tuple, x: Array, y: Array
) -> tuple[tuple, Array]:
    """One step on a batch [B, H, W, C]; returns the new state and the loss before it."""
    params, stats, adam, key = state
    key, key_dropout = jax.random.split(key)

    def loss_of(params: Any) -> tuple[Array, Any]:
        logits, changed = model.apply(
            {"params": params, "batch_stats": stats},
            x,
            True,
            mutable=["batch_stats"],
            rngs={"dropout": key_dropout},
        )
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return loss, changed["batch_stats"]

    (loss, stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
    updates, adam = make_adam(numbers).update(grads, adam, params)
    return (optax.apply_updates(params, updates), stats, adam, key), loss
