"""The tables of all parts of a model; importing this module imports no part."""

from hptjax.table import Table

_FUNCTIONS = (
    *("none", "relu", "leaky_relu", "relu6", "elu", "selu", "celu", "gelu", "gelu_tanh", "silu"),
    *("hardswish", "mish", "tanh", "hardtanh", "sigmoid", "hardsigmoid", "softplus", "softsign"),
    "logsoftmax",
)
ACTIVATIONS: Table = Table(
    "activations",
    "activation",
    {name: f"hptjax.ops.activations:{name}" for name in _FUNCTIONS},
)

OPTIMIZERS: Table = Table(
    "optimizers",
    "optimizer",
    {
        "adam": "hptjax.population.optimizers.adam:Adam",
        "adamw": "hptjax.population.optimizers.adam:AdamW",
        "sgd": "hptjax.population.optimizers.sgd:SGD",
        "rmsprop": "hptjax.population.optimizers.rmsprop:RMSprop",
        "optax.<name>": "hptjax.population.optimizers.optax:optimizer",
    },
    base="hptjax.population.optimizers.base:Optimizer",
)
LR_SCHEDULES: Table = Table(
    "lr_schedules",
    "learning-rate schedule",
    {
        "constant": "hptjax.population.lr_schedules.smooth:Constant",
        "cosine": "hptjax.population.lr_schedules.smooth:Cosine",
        "linear": "hptjax.population.lr_schedules.smooth:Linear",
        "polynomial": "hptjax.population.lr_schedules.smooth:Polynomial",
        "exponential": "hptjax.population.lr_schedules.smooth:Exponential",
        "step": "hptjax.population.lr_schedules.step:Step",
        "one_cycle": "hptjax.population.lr_schedules.one_cycle:OneCycle",
    },
    base="hptjax.population.lr_schedules.base:LrSchedule",
)
AUGMENTATIONS: Table = Table(
    "augmentations",
    "augmentation",
    {
        "original": "hptjax.data.augmentations.original:Original",
        "flip": "hptjax.data.augmentations.flip:Flip",
        "vertical_flip": "hptjax.data.augmentations.flip:VerticalFlip",
        "rotate": "hptjax.data.augmentations.rotate:Rotate",
        "crop": "hptjax.data.augmentations.crop:Crop",
        "cutout": "hptjax.data.augmentations.cutout:Cutout",
        "noise": "hptjax.data.augmentations.noise:Noise",
        "brightness": "hptjax.data.augmentations.jitter:Brightness",
        "contrast": "hptjax.data.augmentations.jitter:Contrast",
    },
    base="hptjax.data.augmentations.base:Augmentation",
)
TASKS: Table = Table(
    "tasks",
    "task",
    {
        "classification": "hptjax.tasks.classification:Classification",
        "multi_label": "hptjax.tasks.multi_label:MultiLabel",
        "regression": "hptjax.tasks.regression:Regression",
    },
    base="hptjax.tasks.base:Task",
)
LAYERS: Table = Table(
    "layers",
    "layer",
    {
        "normalize": "hptjax.models.layers.normalize:Normalize",
        "conv": "hptjax.models.layers.conv:Conv",
        "residual": "hptjax.models.layers.residual:Residual",
        "linear": "hptjax.models.layers.linear:Linear",
        "head": "hptjax.models.layers.linear:Head",
        "flax": "hptjax.models.layers.own:FlaxNetwork",
        "flatten": "hptjax.models.layers.flatten:Flatten",
        "avg_pool": "hptjax.models.layers.pools:AvgPool",
        "depthwise": "hptjax.models.layers.depthwise:Depthwise",
        "separable": "hptjax.models.layers.separable:Separable",
        "max_pool": "hptjax.models.layers.max_pool:MaxPool",
        "global_avg_pool": "hptjax.models.layers.global_avg_pool:GlobalAvgPool",
        "dropout": "hptjax.models.layers.dropout:Dropout",
        "activation": "hptjax.models.layers.activation:Activation",
        "batch_norm": "hptjax.models.layers.norms:BatchNorm",
        "layer_norm": "hptjax.models.layers.group_norm:LayerNorm",
        "group_norm": "hptjax.models.layers.group_norm:GroupNorm",
        "instance_norm": "hptjax.models.layers.group_norm:InstanceNorm",
    },
    base="hptjax.models.layers.base:Layer",
)
NORMS: Table = Table(
    "norms",
    "norm",
    {
        "none": "hptjax.models.layers.norms:NoNorm",
        "batch": "hptjax.models.layers.norms:BatchNorm",
        "layer": "hptjax.models.layers.group_norm:LayerNorm",
        "group": "hptjax.models.layers.group_norm:GroupNorm",
        "instance": "hptjax.models.layers.group_norm:InstanceNorm",
    },
    base="hptjax.models.layers.norms:Norm",
)
NESTED = {"norm": NORMS}  # options of layers whose values are parts, with the tables of those parts
