"""How a study judges its trials: by which metric and epoch, and with how much patience."""

from dataclasses import dataclass

from hptjax.study.config import StudyConfig
from hptjax.study.metric import Metric


@dataclass(frozen=True)
class Judging:
    """metric: the metric of the study. by_best: whether the best epoch counts, not the last one.

    patience: epochs without a better value after which a trial ends; None: it never does. epochs:
    the epochs of a full training, after which patience has no effect; None: not known.
    """

    metric: Metric
    by_best: bool = False
    patience: int | None = None
    epochs: int | None = None

    @classmethod
    def of(cls, study: StudyConfig, metric: Metric) -> "Judging":
        """The judging of a study; metric: the metric that it runs with."""
        return cls(metric, study.by_best_epoch, study.patience, study.epochs)

    @property
    def watches(self) -> bool:
        """Whether the value after each epoch is needed."""
        return self.by_best or self.patience is not None

    def better(self, value: float, than: float | None) -> bool:
        """Whether a finite value beats the best one so far; than: None if there was none."""
        sign = self.metric.sign
        return than is None or sign * value < sign * than

    def out_of_patience(self, age: int, best: int) -> bool:
        """Whether a trial of this age ends; best: its best epoch, from 1, or 0."""
        if self.patience is None or (self.epochs is not None and age >= self.epochs):
            return False
        return age - best >= self.patience
