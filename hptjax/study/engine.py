"""The trainers of a study: one compilation for the space, another only if it falls short."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.population import Member


class PlanLike(Protocol):
    """What the loop asks of a plan (see `hptjax.population.Plan`)."""

    def covers(self, config: ModelConfig) -> bool: ...

    def waste(self, configs: Sequence[ModelConfig]) -> float: ...


class TrainerLike(Protocol):
    """What the loop asks of a trainer (see `hptjax.population.PopulationTrainer`)."""

    compilations: int
    compile_seconds: float

    @property
    def plan(self) -> PlanLike: ...

    def start(self, members: Sequence[Member]) -> Any: ...

    def epoch(self, state: Any, epoch: int) -> tuple[Any, Mapping[str, np.ndarray]]: ...

    def variables(self, state: Any, k: int) -> Mapping[str, Any]: ...


MakeTrainer = Callable[[Sequence[ModelConfig]], TrainerLike]


@dataclass
class Engine:
    """Gives the trainer for a generation: as a rule the first one, made for the whole space.

    base: configs that stand for the space. Each strategy starts from the base anew, so that what
    another strategy proposed changes nothing for it.
    """

    base: Sequence[ModelConfig]
    make_trainer: MakeTrainer
    notify: Callable[[str], None]
    _extra: tuple[ModelConfig, ...] = ()
    _trainers: dict[tuple[ModelConfig, ...], TrainerLike] = field(default_factory=dict)

    def begin_strategy(self) -> None:
        self._extra = ()

    def trainer_for(self, configs: Sequence[ModelConfig], *, announce: bool = True) -> TrainerLike:
        """A trainer that covers these configs; a recompilation is announced."""
        trainer = self._trainer()
        missing = tuple(dict.fromkeys(c for c in configs if not trainer.plan.covers(c)))
        if not missing:
            return trainer
        self._extra += missing
        if announce:
            self.notify(
                f"{len(missing)} candidate(s) have a shape that the compiled program lacks: "
                "compiling once more."
            )
        return self._trainer()

    def _trainer(self) -> TrainerLike:
        if self._extra not in self._trainers:
            for extra in [key for key in self._trainers if key]:
                del self._trainers[extra]  # an outgrown program keeps its copy of the images
            self._trainers[self._extra] = self.make_trainer((*self.base, *self._extra))
        return self._trainers[self._extra]
