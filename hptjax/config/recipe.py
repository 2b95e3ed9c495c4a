"""How a network is trained: the keys that both forms of a model have beside their layers."""

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, PlainSerializer

from hptjax.config.augment import Augment, augmentations, augmentations_tree
from hptjax.config.frozen import SIZE_LIMIT, Frozen
from hptjax.config.named import Part, part
from hptjax.config.parts import LR_SCHEDULES, OPTIMIZERS, TASKS
from hptjax.errors import ConfigError, did_you_mean, shown

Precision: TypeAlias = Literal["float32", "bfloat16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)


def read_optimizer(tree: Any) -> Part:
    return part(OPTIMIZERS, tree, "model.optimizer")


def _read_lr_schedule(tree: Any) -> Part:
    return part(LR_SCHEDULES, tree, "model.lr_schedule")


def _read_task(tree: Any) -> Part:
    return part(TASKS, tree, "model.task")


def _read_augment(tree: Any) -> Augment | None:
    return None if tree is None else augmentations(tree, "model.augment")


def _read_precision(word: Any) -> Any:
    if isinstance(word, str) and word not in PRECISIONS:
        raise ConfigError(
            f"model.precision: unknown precision {shown(word)}; {did_you_mean(word, PRECISIONS)}"
        )
    return word


class Recipe(Frozen):
    """The recipe that trains a network.

    weight_decay: the strength of weight decay, added to the gradient (L2) or decoupled, as the
    optimizer does it. batch_size: images in a step. lr: the largest learning rate. optimizer: the
    rule that turns gradients into steps. lr_schedule: the factor of the learning rate over the
    training. task: what is learned, which decides the loss. warmup: the share of all steps in which
    the learning rate grows from 0. augment: the augmentations of this network's training images
    (None: the data decide). precision: how a training step keeps maps between its operations:
    `bfloat16` is half as long on accelerators; all else, and all evaluation, is float32.
    """

    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch_size: Annotated[int, Field(ge=2, lt=SIZE_LIMIT)] = 64
    lr: Annotated[float, Field(gt=0)] = 1e-3
    optimizer: Annotated[Part, BeforeValidator(read_optimizer), PlainSerializer(Part.to_tree)] = (
        Field(default="adam", validate_default=True)
    )
    lr_schedule: Annotated[
        Part, BeforeValidator(_read_lr_schedule), PlainSerializer(Part.to_tree)
    ] = Field(default="constant", validate_default=True)
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    task: Annotated[Part, BeforeValidator(_read_task), PlainSerializer(Part.to_tree)] = Field(
        default="classification", validate_default=True
    )
    augment: Annotated[
        tuple[Part, ...] | None,
        BeforeValidator(_read_augment),
        PlainSerializer(lambda parts: None if parts is None else augmentations_tree(parts)),
    ] = None
    precision: Annotated[Precision, BeforeValidator(_read_precision)] = "float32"
