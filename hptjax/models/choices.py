"""What the members of one program may have; the program holds nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hptjax.config.augment import Augment
from hptjax.config.named import Part
from hptjax.config.schema import ModelConfig
from hptjax.config.traced import static_kind, traced_numbers
from hptjax.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LayerChoices:
    """What the members of a program may have in one MLP layer.

    activations: names, sorted; norms: whether batch norm is off, on or either; dropout: whether any
    rate is above zero.
    """

    activations: tuple[str, ...]
    norms: tuple[bool, ...]
    dropout: bool

    def covers(self, other: "LayerChoices") -> bool:
        """Whether a program of these choices can train a network of the other's."""
        return (
            set(other.activations) <= set(self.activations)
            and set(other.norms) <= set(self.norms)
            and other.dropout <= self.dropout
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """What the members of a program may have.

    layers: in each MLP layer. stages: the activations, sorted, of the first convolution and of each
    block. Both are as long as in the deepest network. optimizers, lr_schedules, tasks: the kinds of
    parts, with their traced numbers at the defaults. task_numbers: those of the task that any
    member has otherwise; the others are constants of the program. warmup: whether any member warms
    up. augment: the lists of augmentations, None for what the data say. measures, logits: as
    `fitted` has them.
    """

    layers: tuple[LayerChoices, ...]
    stages: tuple[tuple[str, ...], ...]
    optimizers: tuple[Part, ...]
    lr_schedules: tuple[Part, ...]
    tasks: tuple[Part, ...]
    task_numbers: tuple[str, ...]
    warmup: bool
    augment: tuple[Augment | None, ...]
    measures: tuple[str, ...] = ()
    logits: bool = False

    def covers(self, other: "Choices") -> bool:
        """Whether a program of these choices can train a network of the other's."""
        return (
            len(other.layers) <= len(self.layers)
            and len(other.stages) <= len(self.stages)
            and all(a.covers(b) for a, b in zip(self.layers, other.layers, strict=False))
            and all(set(b) <= set(a) for a, b in zip(self.stages, other.stages, strict=False))
            and set(other.optimizers) <= set(self.optimizers)
            and set(other.lr_schedules) <= set(self.lr_schedules)
            and set(other.tasks) <= set(self.tasks)
            and set(other.task_numbers) <= set(self.task_numbers)
            and other.warmup <= self.warmup
            and set(other.augment) <= set(self.augment)
        )

    def fitted(
        self, dataset: Any, measures: Sequence[str] = (), *, logits: bool = False
    ) -> "Choices":
        """The choices of a program for a training set, which its tasks may take numbers from.

        measures: what is measured beside that which the task always does; logits: whether the
        program tells the outputs for the validation images. Raises ConfigError for a data set that
        is not one for the task, and for an unknown measure.
        """
        if len({task.name for task in self.tasks}) > 1:
            names = " and ".join(task.name for task in self.tasks)
            raise ConfigError(f"task: all networks must have one task, got {names}.")
        tasks = []
        for task in self.tasks:
            task.options.check(dataset)
            for name in measures:
                task.options.measure(name).check(dataset)
            tasks.append(Part(name=task.name, options=task.options.fitted(dataset)))
        own = self.tasks[0].options.measures
        others = tuple(name for name in dict.fromkeys(measures) if name not in own)
        return replace(self, tasks=tuple(tasks), measures=(*own, *others), logits=logits)

    @property
    def scheduled(self) -> bool:
        """Whether any member's learning rate changes, which needs to know when training ends."""
        return self.warmup or any(kind.name != "constant" for kind in self.lr_schedules)


def choices_of(configs: Iterable[ModelConfig]) -> Choices:
    """What these networks have."""
    configs = list(configs)
    layers = _by_place([_layers(config) for config in configs])
    stages = _by_place([stage_activations(config) for config in configs])
    return Choices(
        layers=tuple(
            LayerChoices(
                tuple(sorted({name for name, _, _ in layer})),
                tuple(sorted({norm for _, norm, _ in layer})),
                any(dropout for _, _, dropout in layer),
            )
            for layer in layers
        ),
        stages=tuple(tuple(sorted(names)) for names in stages),
        optimizers=_kinds(config.optimizer for config in configs),
        lr_schedules=_kinds(config.lr_schedule for config in configs),
        tasks=_kinds(config.task for config in configs),
        task_numbers=_task_numbers([config.task for config in configs]),
        warmup=any(config.warmup for config in configs),
        augment=tuple(sorted({config.augment for config in configs}, key=repr)),
    )


def kind_of(part: Part) -> Part:
    """What of a part decides the program: the traced numbers are at their defaults."""
    return Part(name=part.name, options=static_kind(part.options))


def _task_numbers(tasks: Sequence[Part]) -> tuple[str, ...]:
    """The traced numbers of tasks that are not at their defaults in all of them."""
    tuned = {
        name
        for task in dict.fromkeys(tasks)
        for name in traced_numbers(task.options)
        if getattr(task.options, name) != getattr(kind_of(task).options, name)
    }
    return tuple(sorted(tuned))


def _kinds(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The kinds that there are, each once, in an order of their own."""
    kinds = map(kind_of, dict.fromkeys(parts))  # most networks of a space share their parts
    return tuple(sorted(dict.fromkeys(kinds), key=repr))


def stage_activations(config: ModelConfig) -> tuple[str, ...]:
    """The activation of the first convolution, then that of each block."""
    net = config.resnet_config
    return (net.first_conv.activation_fun, *(block.activation_fun for block in net.block_list))


def _layers(config: ModelConfig) -> list[tuple[str, bool, bool]]:
    mlp = config.mlp_config
    return [
        (name, layer.batch_norm, layer.dropout > 0)
        for layer, name in zip(mlp.block_list, mlp.computed_activations, strict=True)
    ]


def _by_place(networks: Sequence[Sequence[Any]]) -> list[set[Any]]:
    """What the networks have in each place, as long as the longest."""
    longest = max(map(len, networks), default=0)
    return [{own[i] for own in networks if i < len(own)} for i in range(longest)]
