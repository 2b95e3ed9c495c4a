"""The choices of one program: the parts that its members may have, and no others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hptjax.config.augment import Augment
from hptjax.config.model import AnyModel
from hptjax.config.named import Part
from hptjax.config.traced import static_kind, traced_numbers
from hptjax.errors import ConfigError
from hptjax.models.chain import chain_of


@dataclass(frozen=True, slots=True)
class Choices:
    """The parts that the members of a program may have.

    named: (`hidden.0.activation`, its possible names), for each field of `Layer.choices`. present:
    the fields of `Layer.may_miss` that any member has, such as `hidden.0.dropout`. optimizers,
    lr_schedules, tasks: the kinds of parts, with their traced numbers at the defaults.
    task_numbers: the task numbers that differ from the default in any member; the others are
    constants of the program. warmup: whether any member warms up. augment: the lists of
    augmentations; None stands for that of the data. measures, logits: see `fitted`.
    """

    named: tuple[tuple[str, tuple[Any, ...]], ...]
    present: tuple[str, ...]
    optimizers: tuple[Part, ...]
    lr_schedules: tuple[Part, ...]
    tasks: tuple[Part, ...]
    task_numbers: tuple[str, ...]
    warmup: bool
    augment: tuple[Augment | None, ...]
    measures: tuple[str, ...] = ()
    logits: bool = False

    def covers(self, other: "Choices") -> bool:
        """Tells whether a program of these choices can train a network of the other choices."""
        return (
            all(set(names) <= set(self.of(field)) for field, names in other.named)
            and set(other.present) <= set(self.present)
            and set(other.optimizers) <= set(self.optimizers)
            and set(other.lr_schedules) <= set(self.lr_schedules)
            and set(other.tasks) <= set(self.tasks)
            and set(other.task_numbers) <= set(self.task_numbers)
            and other.warmup <= self.warmup
            and set(other.augment) <= set(self.augment)
        )

    def of(self, field: str) -> tuple[Any, ...]:
        """Returns the choices of a field, `hidden.0.activation`; empty if no member has it."""
        return next((names for own, names in self.named if own == field), ())

    def fitted(
        self, dataset: Any, measures: Sequence[str] = (), *, logits: bool = False
    ) -> "Choices":
        """Returns the choices for a training set, which may set numbers of the tasks.

        measures: measures to compute in addition to those that the task always computes. logits:
        whether the program returns the outputs for the validation images. Raises ConfigError for a
        data set that does not fit the task, and for an unknown measure.
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
        """Whether any member's learning rate changes, which depends on the end of training."""
        return self.warmup or any(kind.name != "constant" for kind in self.lr_schedules)


def choices_of(configs: Iterable[AnyModel]) -> Choices:
    """Returns the choices that these networks have."""
    configs = list(configs)
    chains = [placed for config in configs for placed in chain_of(config)]
    named: dict[str, set[Any]] = {}
    present: set[str] = set()
    for name, layer in dict.fromkeys((placed.name, placed.layer) for placed in chains):
        for field in layer.choices:
            named.setdefault(f"{name}.{field}", set()).add(getattr(layer, field))
        present |= {f"{name}.{field}" for field in layer.may_miss if getattr(layer, field)}
    return Choices(
        named=tuple((field, tuple(sorted(names, key=repr))) for field, names in named.items()),
        present=tuple(sorted(present)),
        optimizers=_kinds(config.optimizer for config in configs),
        lr_schedules=_kinds(config.lr_schedule for config in configs),
        tasks=_kinds(config.task for config in configs),
        task_numbers=_task_numbers([config.task for config in configs]),
        warmup=any(config.warmup for config in configs),
        augment=tuple(sorted({config.augment for config in configs}, key=repr)),
    )


def kind_of(part: Part) -> Part:
    """Returns the kind of a part, which decides the program; its traced numbers are defaults."""
    return Part(name=part.name, options=static_kind(part.options))


def _task_numbers(tasks: Sequence[Part]) -> tuple[str, ...]:
    """Returns the traced numbers of tasks that differ from their defaults in any of them."""
    tuned = {
        name
        for task in dict.fromkeys(tasks)
        for name in traced_numbers(task.options)
        if getattr(task.options, name) != getattr(kind_of(task).options, name)
    }
    return tuple(sorted(tuned))


def _kinds(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Returns each kind once, in a fixed order."""
    kinds = map(kind_of, dict.fromkeys(parts))  # most networks of a space share their parts
    return tuple(sorted(dict.fromkeys(kinds), key=repr))
