"""A trial for users: the network, its results, and its predictions if the weights were kept."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hptjax import notebook
from hptjax.config.model import AnyModel, read_model
from hptjax.data.dataset import ImageDataset
from hptjax.models.confusion import PerClass
from hptjax.models.costs import Costs, network_costs
from hptjax.models.network import Network
from hptjax.records.change import Change
from hptjax.records.goal import Goal
from hptjax.records.trial import TrialRecord
from hptjax.report.console import show_number


class Owner(Protocol):
    """The result that a trial belongs to."""

    @property
    def metric(self) -> Goal: ...

    def _network_of(self, record: TrialRecord) -> Network: ...


class Trial:
    """A network that was tried, from `Result.best` or `Result.trials`.

    Attributes:
        id: the searcher's label and the trial's number, such as "tpe/57".
        status: "trained", "stopped" by the schedule, "diverged", "infeasible" or "lost".
        reason: why it was not trained to the end; None if it was.
        hparams: the values of the active hparams.
        model: the network that was trained; None if it could not be built.
        value: the value of the study's metric; None if the trial failed.
        metrics: the metrics after the judged epoch, by name; None: not finite.
        curves: the metrics after each epoch, by name.
        epoch: the judged epoch, from 1; None if it was not trained.
        parameters: the number of weights; None if the network could not be built.
        flops: FLOPs of a forward pass of one image; None likewise.
        changes: the changes that repair made to the proposed network, with reasons.
        network: the trained network, if its weights were kept.

    Example:
        >>> trial = result.best  # of result = hptjax.tune(...)
        >>> trial.status, trial.value == trial.curves["val_loss"][trial.epoch - 1]
        ('trained', True)
    """

    def __init__(self, record: TrialRecord, result: Owner) -> None:
        self._record, self._result = record, result

    @property
    def id(self) -> str:
        """The searcher's label and the trial's number, such as "tpe/57"."""
        return f"{self._record.strategy}/{self._record.number}"

    @property
    def status(self) -> str:
        """The outcome: trained, stopped, diverged, infeasible or lost."""
        return self._record.status.value

    @property
    def reason(self) -> str | None:
        """Why it was not trained to the end; None if it was."""
        return self._record.reason

    @property
    def hparams(self) -> dict[str, Any]:
        """The values of the active hparams."""
        return dict(self._record.hparams)

    @cached_property
    def model(self) -> AnyModel | None:
        """The network that was trained; None if it could not be built."""
        config = self._record.config
        return None if config is None else read_model(config)

    @property
    def value(self) -> float | None:
        """The value of the study's metric; None if the trial failed."""
        return self._record.value

    @property
    def metrics(self) -> dict[str, float | None]:
        """The metrics after the judged epoch, by name; None: not finite."""
        epoch = self.epoch
        if epoch is None:
            return {}
        return {name: curve[epoch - 1] for name, curve in self._record.epochs.items()}

    @property
    def curves(self) -> dict[str, list[float | None]]:
        """The metrics after each epoch [epochs], by name; None: not finite."""
        return {name: list(curve) for name, curve in self._record.epochs.items()}

    @property
    def epoch(self) -> int | None:
        """The judged epoch, from 1; None if it was not trained."""
        return self._record.judged_epoch or None

    @cached_property
    def _costs(self) -> Costs | None:
        return None if self.model is None else network_costs(self.model)

    @property
    def parameters(self) -> int | None:
        """The number of weights; None if the network could not be built."""
        return None if self._costs is None else self._costs.parameters

    @property
    def flops(self) -> int | None:
        """FLOPs of a forward pass of one image; None if the network could not be built."""
        return None if self._costs is None else self._costs.forward_flops

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes that repair made to the proposed network, with reasons."""
        return self._record.changes

    @property
    def network(self) -> Network:
        """The trained network.

        Raises:
            ConfigError: if its weights were not kept; `Result.retrain` trains it again.
        """
        return self._result._network_of(self._record)

    def predict(self, images: Any) -> np.ndarray:
        """Predicts the class of each image, as `Network.predict` does.

        Args:
            images: [N, H, W, C] or [N, H, W], in any range that training takes.

        Returns:
            The names of the classes [N]; for a regression, numbers.

        Raises:
            ConfigError: if its weights were not kept.
        """
        return self.network.predict(images)

    def predict_proba(self, images: Any) -> np.ndarray:
        """The probability of each class, float32 [N, K]; images and errors as in `predict`."""
        return self.network.predict_proba(images)

    def evaluate(self, dataset: ImageDataset, measures: Sequence[str] = ()) -> dict[str, float]:
        """Measures the network on a data set, as `Network.evaluate` does."""
        return self.network.evaluate(dataset, measures)

    def per_class(self, dataset: ImageDataset) -> PerClass:
        """Returns precision, recall, F1 and count of each class, as `Network.per_class` does."""
        return self.network.per_class(dataset)

    def export(self, path: str | Path) -> None:
        """Writes the network to a file, as `Network.export` does."""
        self.network.export(path)

    def __repr__(self) -> str:
        return f"<Trial {self._words()}>"

    def _words(self) -> str:
        if self.value is None:
            return f"{self.id} {self.status}"
        return f"{self.id} {self.status}: {self._result.metric.name} {show_number(self.value)}"

    def _repr_html_(self) -> str:
        size = "" if self.parameters is None else f"{self.parameters:,} parameters, "
        epochs = f"{self.epoch or 0} epoch{'' if self.epoch == 1 else 's'}"
        note = f"{size}{epochs}" + (f"; {self.reason}" if self.reason else "")
        tables = [
            notebook.table(("hparam", "value"), self.hparams.items()),
            notebook.table(("metric", f"epoch {self.epoch}"), self.metrics.items()),
        ]
        changes = [[str(change)] for change in self.changes if change.notable]
        if changes:
            tables.append(notebook.folded("Changes by repair", notebook.table(("",), changes)))
        return notebook.block(f"Trial {self._words()}", *tables, note=note)
