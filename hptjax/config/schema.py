"""Schema of one network and its training, in the form of the original study's YAML."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from hptjax.checks import is_number, plain
from hptjax.config.explain import validated
from hptjax.config.frozen import SIZE_LIMIT, Frozen, Positive, as_tuple
from hptjax.config.named import Part
from hptjax.config.parts import ACTIVATIONS
from hptjax.config.recipe import Recipe, read_optimizer
from hptjax.errors import ConfigError, did_you_mean, shown

Padding = Annotated[int, Field(ge=0, lt=SIZE_LIMIT)] | Literal["same"]
Key = Annotated[int, Field(gt=-SIZE_LIMIT, lt=SIZE_LIMIT)] | str


def _flag(value: Any) -> Any:
    """Reads 0 and 1 as False and True: a tuned number once switched batch norm off silently."""
    return bool(value) if isinstance(value, int) and value in (0, 1) else value


def _no_activation(value: Any) -> Any:
    """Reads null and 'None' as no activation: the spaces of the original study say 'None'."""
    return "none" if value is None or value == "None" else value


def _activation(value: Any) -> Any:
    value = _no_activation(value)
    if value not in ACTIVATIONS:
        hint = did_you_mean(value, ACTIVATIONS.names()) if isinstance(value, str) else ""
        raise ValueError(f"the name of an activation ({hint.rstrip('.')})" if hint else "a name")
    return value


def _own_activation(value: Any) -> Any:
    value = _activation(value)
    if value == "logsoftmax":
        raise ValueError("an activation of one number, unlike logsoftmax, which sums over units")
    return value


Activation = Annotated[str, BeforeValidator(_activation)]
MapActivation = Annotated[str, BeforeValidator(_own_activation)]


class ConvConfig(Frozen):
    """One convolution and the activation that follows it.

    in_channels: the number of input maps; repair sets it. out_channels: the number of output maps.
    kernel_size: height and width of a window, in pixels. stride: pixels from one window to the
    next. padding: pixels on each side, or `same`. activation_fun: a word of the table of
    activations.
    """

    later: ClassVar = ("activation_fun",)

    in_channels: Positive
    out_channels: Positive
    kernel_size: Positive
    stride: Positive = 1
    padding: Padding = 0
    activation_fun: MapActivation = "none"


class BlockConfig(ConvConfig):
    """One residual block: its first convolution has the stride, its activation is applied twice."""

    activation_fun: MapActivation = "relu"


class LinearConfig(Frozen):
    """One MLP block: linear, optional batch norm, activation, dropout.

    in_size: the number of inputs; repair sets it. out_size: the number of units. activation_fun: a
    word of the table of activations; the last block may also have `logsoftmax`. batch_norm: whether
    there is a batch norm. dropout: the share of units that is zeroed in training.
    """

    in_size: Positive
    out_size: Positive
    activation_fun: Activation = "none"
    batch_norm: Annotated[bool, BeforeValidator(_flag)] = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ResNetConfig(Frozen):
    """A convolution, residual blocks and an average pool.

    first_conv: the convolution. block_list: the residual blocks, each with the keys of a
    convolution. pool_size: height and width of the pool's windows, in pixels.
    """

    first_conv: ConvConfig
    block_list: Annotated[tuple[BlockConfig, ...], BeforeValidator(as_tuple)]
    pool_size: Positive = 1


class MLPConfig(Frozen):
    """The linear blocks from the pooled maps to the outputs.

    block_list: the blocks; the last one has a unit for each output.
    """

    block_list: Annotated[tuple[LinearConfig, ...], Field(min_length=1), BeforeValidator(as_tuple)]

    @property
    def computed_activations(self) -> tuple[str, ...]:
        """The activation of each layer; the loss computes a last log-softmax."""
        *inner, last = (layer.activation_fun for layer in self.block_list)
        return (*inner, "none" if last == "logsoftmax" else last)


BETAS = ("beta_1", "beta_2")
ADAMS = ("adam", "adamw")  # in the original's form their betas stand beside `lr`
_NETWORK = ("init_width", "init_length", "resnet_config", "mlp_config", "img_key", "class_key")


class ModelConfig(Recipe):
    """A ResNet, an MLP behind it, and the recipe that trains them, in the original's form.

    beta_1: decay of the mean gradient, for the optimizers adam and adamw. beta_2: decay of the mean
    squared gradient, likewise. init_width: width of the images, in pixels. init_length: height of
    the images, in pixels. resnet_config: the layers from images to maps. mlp_config: the layers
    from maps to outputs. img_key, class_key: keys of the original's loader; they have no effect.

    Example:
        >>> import hptjax
        >>> config = hptjax.load_model_config("model")
        >>> isinstance(config, hptjax.ModelConfig), config.batch_size
        (True, 64)
    """

    later: ClassVar = ("optimizer", "lr_schedule", "warmup", "task", "augment", "precision")
    leading: ClassVar = ("weight_decay", "batch_size", "beta_1", "beta_2", "lr", *_NETWORK)

    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    init_width: Positive = 28
    init_length: Positive = 28
    resnet_config: ResNetConfig
    mlp_config: MLPConfig
    img_key: Key = 0
    class_key: Key = 1
    optimizer: Annotated[
        Part,
        BeforeValidator(read_optimizer),
        PlainSerializer(lambda own: _without_betas(own).to_tree()),
    ] = Field(default="adam", validate_default=True)

    @property
    def image(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that the network takes."""
        return self.init_length, self.init_width, self.resnet_config.first_conv.in_channels

    def size_for(self, image_shape: Sequence[int]) -> tuple[int, int]:
        """The height and width to which images [H, W, C] are resized."""
        return self.init_length, self.init_width

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for an image: one for each class."""
        return self.mlp_config.block_list[-1].out_size

    @model_validator(mode="after")
    def _last_activation(self) -> Self:
        last = self.mlp_config.block_list[-1].activation_fun
        if last == "logsoftmax" and self.task.name != "classification":
            raise ConfigError(
                "model.mlp_config.block_list: the last activation_fun must be 'none' for the task "
                f"{self.task.name}, got 'logsoftmax', which is part of classification's loss."
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _one_place_for_betas(cls, tree: Any) -> Any:
        """Writes Adam's betas both beside `lr` and into the optimizer, wherever they stood."""
        if not isinstance(tree, Mapping):
            return tree
        chosen = read_optimizer(tree.get("optimizer", "adam"))
        if chosen.name not in ADAMS:
            return {**tree, "optimizer": chosen}
        own = {name: getattr(chosen.options, name) for name in BETAS}
        for name in chosen.options.model_fields_set & set(BETAS):
            beside = plain(tree.get(name))
            differs = is_number(beside) and beside != own[name]
            if differs and not isinstance(tree["optimizer"], Part):
                raise ConfigError(
                    f"model.{name}: is {shown(tree[name])} and in optimizer.{chosen.name} "
                    f"{own[name]}; give it once."
                )
        betas = {name: plain(tree.get(name, own[name])) for name in BETAS}
        if all(is_number(beta) and 0 <= beta < 1 for beta in betas.values()):
            options = chosen.options.model_copy(update=betas)
            chosen = Part(name=chosen.name, options=options)
        return {**tree, **betas, "optimizer": chosen}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copies as any config does; a new optimizer brings its own betas."""
        update = dict(update or {})
        if "optimizer" in update:
            chosen = read_optimizer(update["optimizer"])
            own = {name: getattr(chosen.options, name) for name in BETAS if chosen.name in ADAMS}
            update = {**own, **update, "optimizer": chosen}
        return super().model_copy(update=update, deep=deep)

    def __repr__(self) -> str:
        first, mlp = self.resnet_config.first_conv, self.mlp_config.block_list
        return (
            f"ModelConfig({self.init_length}x{self.init_width}x{first.in_channels} -> "
            f"{mlp[-1].out_size} classes: {len(self.resnet_config.block_list)} residual blocks, "
            f"{len(mlp)} linear layers, lr {self.lr:.4g}, batch_size {self.batch_size})"
        )

    __str__ = __repr__

    def to_dict(self) -> dict[str, Any]:
        """The config in the original's dict form, fit for YAML."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> "ModelConfig":
        """Reads the original's dict form, with or without an outer key `model`.

        Raises ConfigError, which names the dotted path of the mistake.
        """
        if not isinstance(tree, Mapping):
            raise ConfigError(f"model: must be a mapping, got {shown(tree)}.")
        inner = tree["model"] if set(tree) == {"model"} else tree
        return validated(cls, inner, "model")


def _without_betas(own: Part) -> Part:
    """The optimizer without Adam's betas, which stand elsewhere in the original's form."""
    if own.name not in ADAMS:
        return own
    others = {k: v for k, v in dict(own.options).items() if k not in BETAS}
    return Part(name=own.name, options=type(own.options)(**others))
