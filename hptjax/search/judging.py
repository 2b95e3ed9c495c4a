"""By what a study judges its trials: a metric, which epoch counts, how long without progress."""

from dataclasses import dataclass

from hptjax.study.config import StudyConfig
from hptjax.study.metric import Metric


@dataclass(frozen=True)
class Judging:
    """metric: the number that counts. by_best: of the best epoch so far, and not of the last.

    patience: epochs without a better value after which a trial ends, None: it never does. epochs:
    of a network that is trained to the end, where no patience runs out any more; None: not known.
    """

    metric: Metric
    by_best: bool = False
    patience: int | None = None
    epochs: int | None = None

    @classmethod
    def of(cls, study: StudyConfig, metric: Metric) -> "Judging":
        """As a study says; metric: the one that it runs by."""
        return cls(metric, study.by_best_epoch, study.patience, study.epochs)

    @property
    def watches(self) -> bool:
        """Whether each epoch's value has to be known."""
        return self.by_best or self.patience is not None

    def better(self, value: float, than: float | None) -> bool:
        """Whether a finite value beats the best one so far, None: there was none."""
        sign = self.metric.sign
        return than is None or sign * value < sign * than

    def out_of_patience(self, age: int, best: int) -> bool:
        """Whether a trial of that age ends; best: its best epoch, from 1, or 0."""
        if self.patience is None or (self.epochs is not None and age >= self.epochs):
            return False
        return age - best >= self.patience
