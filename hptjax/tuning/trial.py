"""One network that was tried: what it was, how it fared, and what it predicts if it was kept."""

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
    """The result that a trial is of."""

    @property
    def metric(self) -> Goal: ...

    def _network_of(self, record: TrialRecord) -> Network: ...


class Trial:
    """A network that was tried, as `Result.best` and `Result.trials` give it.

    Attributes:
        id: the searcher's label and the trial's number in it, as "tpe/57".
        status: "trained", "stopped" by the schedule, "diverged", "infeasible" or "lost".
        reason: why it was not trained to the end, None if it was.
        hparams: the values that were tuned, without those that are inactive.
        model: the network that was trained, None where none could be built.
        value: the metric that trials are judged by, None where it failed.
        metrics: the metrics at the epoch that it is judged by, by name; None: not finite.
        curves: the metrics after each epoch, by name.
        epoch: the epoch, from 1, that it is judged by; None where it was not trained.
        parameters: how many weights it has, None where no network could be built.
        flops: operations of a forward pass of one image, likewise.
        changes: what was repaired in the network that was asked for, and why.
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
        """The searcher's label and the trial's number in it, as "tpe/57"."""
        return f"{self._record.strategy}/{self._record.number}"

    @property
    def status(self) -> str:
        """What became of it: trained, stopped, diverged, infeasible or lost."""
        return self._record.status.value

    @property
    def reason(self) -> str | None:
        """Why it was not trained to the end, None if it was."""
        return self._record.reason

    @property
    def hparams(self) -> dict[str, Any]:
        """The values that were tuned, without those that are inactive."""
        return dict(self._record.hparams)

    @cached_property
    def model(self) -> AnyModel | None:
        """The network that was trained; None where none could be built."""
        config = self._record.config
        return None if config is None else read_model(config)

    @property
    def value(self) -> float | None:
        """The metric that trials are judged by; None where it failed."""
        return self._record.value

    @property
    def metrics(self) -> dict[str, float | None]:
        """The metrics at the epoch that it is judged by; None: not finite."""
        epoch = self.epoch
        if epoch is None:
            return {}
        return {name: curve[epoch - 1] for name, curve in self._record.epochs.items()}

    @property
    def curves(self) -> dict[str, list[float | None]]:
        """The metrics after each epoch [epochs]; None: not finite."""
        return {name: list(curve) for name, curve in self._record.epochs.items()}

    @property
    def epoch(self) -> int | None:
        """The epoch, from 1, that it is judged by; None where it was not trained."""
        return self._record.judged_epoch or None

    @cached_property
    def _costs(self) -> Costs | None:
        return None if self.model is None else network_costs(self.model)

    @property
    def parameters(self) -> int | None:
        """How many weights the network has; None where none could be built."""
        return None if self._costs is None else self._costs.parameters

    @property
    def flops(self) -> int | None:
        """Operations of a forward pass of one image; None where no network could be built."""
        return None if self._costs is None else self._costs.forward_flops

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was repaired in the network that was asked for, and why."""
        return self._record.changes

    @property
    def network(self) -> Network:
        """The trained network.

        Raises:
            ConfigError: where its weights were not kept; `Result.retrain` makes them again.
        """
        return self._result._network_of(self._record)

    def predict(self, images: Any) -> np.ndarray:
        """What the network takes each image for, as `Network.predict`.

        Args:
            images: [N, H, W, C] or [N, H, W], in any range that training takes.

        Returns:
            The names of the classes [N], or numbers of a regression.

        Raises:
            ConfigError: where its weights were not kept.
        """
        return self.network.predict(images)

    def predict_proba(self, images: Any) -> np.ndarray:
        """The probability of each class, float32 [N, K]; images and errors as of `predict`."""
        return self.network.predict_proba(images)

    def evaluate(self, dataset: ImageDataset, measures: Sequence[str] = ()) -> dict[str, float]:
        """What the task measures of the network on a data set, as `Network.evaluate`."""
        return self.network.evaluate(dataset, measures)

    def per_class(self, dataset: ImageDataset) -> PerClass:
        """Precision, recall, F1 and count of each class on a data set, as `Network.per_class`."""
        return self.network.per_class(dataset)

    def export(self, path: str | Path) -> None:
        """Writes the network to a file, as `Network.export`."""
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
            tables.append(notebook.folded("What was repaired", notebook.table(("",), changes)))
        return notebook.block(f"Trial {self._words()}", *tables, note=note)
