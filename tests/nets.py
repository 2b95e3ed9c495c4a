"""Small networks and images that the engine's tests share."""

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.data import ImageDataset

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


def mixed() -> list[ModelConfig]:
    """Members that differ from one another in every kind of hparam."""
    return [
        config(),
        config(lr=1e-3, weight_decay=0.0, betas=(0.8, 0.99), dropout=0.3),
        config(batch_norm=False, activation="tanh", units=5),
        config(channels=(3, 6), units=12, activation="sigmoid", dropout=0.1),
        config(strides=(1, 2), channels=(4, 2), activation="logsoftmax"),
        config(kernels=(5, 2), strides=(3, 1), activation="none"),
        config(first=(4, 5, 1, "same"), batch_size=24, channels=(2, 3)),
        config(batch_size=10, dropout=0.5, batch_norm=False),
    ]
