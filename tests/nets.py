"""Small networks and images that the engine's tests share."""

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.data import ImageDataset
from hptjax.transpile import apply_hparams

SIZE = 12


def images(count: int, seed: int = 0, classes: int = 10) -> ImageDataset:
    """Blobs whose place and brightness follow the class, with noise: something to learn."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count).astype(np.int32)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    centre = 2 + labels[:, None, None] * 0.8
    blob = 200 * np.exp(-((rows - centre) ** 2 + (columns - 6) ** 2) / 8)
    noisy = np.clip(blob + rng.normal(0, 30, blob.shape), 0, 255)
    names = tuple(str(k) for k in range(classes))
    return ImageDataset(noisy.astype(np.uint8)[..., None], labels, names, "blobs")


def config(
    *,
    lr=3e-3,
    weight_decay=1e-3,
    betas=(0.9, 0.999),
    batch_size=16,
    first=(6, 3, 1, 1),
    channels=(5, 4),
    kernels=(3, 3),
    strides=(2, 1),
    pool=2,
    units=8,
    activation="relu",
    batch_norm=True,
    dropout=0.0,
) -> ModelConfig:
    """A consistent config on SIZE x SIZE x 1 images; first: (channels, kernel, stride, padding)."""
    out, kernel, stride, padding = first
    pad = 2 * padding if padding != "same" else kernel - 1
    side = (SIZE + pad - kernel) // stride + 1
    blocks, before = [], out
    for after, k, s in zip(channels, kernels, strides, strict=True):
        side = (side - 1) // s + 1
        blocks.append(dict(in_channels=before, out_channels=after, kernel_size=k, stride=s))
        blocks[-1]["padding"] = "same"
        before = after
    inputs = before * (side // pool) ** 2
    hidden = dict(in_size=inputs, out_size=units, activation_fun=activation)
    hidden |= dict(batch_norm=batch_norm, dropout=dropout)
    last = dict(in_size=units, out_size=10, activation_fun="logsoftmax")
    first_conv = dict(in_channels=1, out_channels=out, kernel_size=kernel, stride=stride)
    return ModelConfig.from_dict(
        dict(
            lr=lr,
            weight_decay=weight_decay,
            beta_1=betas[0],
            beta_2=betas[1],
            batch_size=batch_size,
            init_width=SIZE,
            init_length=SIZE,
            resnet_config=dict(
                first_conv=first_conv | dict(padding=padding), block_list=blocks, pool_size=pool
            ),
            mlp_config=dict(block_list=[hidden, last]),
        )
    )


def recipe(network: ModelConfig, **hparams) -> ModelConfig:
    """The network with another recipe; an option's name has `__` for its dot."""
    return apply_hparams(network, {k.replace("__", "."): v for k, v in hparams.items()})


def mixed() -> list[ModelConfig]:
    """Members that differ from one another in every kind of hparam."""
    heavy = {"sgd": {"momentum": 0.9, "nesterov": True}}
    return [
        config(),
        recipe(
            config(lr=1e-3, weight_decay=0.0, betas=(0.8, 0.99), dropout=0.3),
            optimizer="adamw",
            lr_schedule="cosine",
        ),
        recipe(
            config(batch_norm=False, activation="tanh", units=5, lr=0.03),
            optimizer=heavy,
            lr_schedule={"polynomial": {"power": 2.0}},
            warmup=0.2,
            resnet_af_l0="softplus",
        ),
        recipe(
            config(channels=(3, 6), units=12, activation="sigmoid", dropout=0.1),
            lr_schedule={"one_cycle": {"pct_start": 0.4}},
            augment=["flip", {"crop": 2}],
            task__label_smoothing=0.2,
        ),
        recipe(config(strides=(1, 2), channels=(4, 2), activation="logsoftmax"), augment=False),
        recipe(
            config(kernels=(5, 2), strides=(3, 1), activation="none"),
            optimizer="rmsprop",
            lr_schedule={"step": 0.5},
            resnet_af_l1="silu",
        ),
        recipe(
            config(first=(4, 5, 1, "same"), batch_size=24, channels=(2, 3)),
            task__class_weights="balanced",
            task__label_smoothing=0.1,
        ),
        recipe(
            config(batch_size=10, dropout=0.5, batch_norm=False, lr=0.1),
            optimizer="optax.adagrad",
            lr_schedule={"exponential": 0.1},
            resnet_af_l0="elu",
        ),
    ]
