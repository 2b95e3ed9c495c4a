"""The sink `mlflow`: each trial as a run of an MLflow experiment."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from hptjax.errors import ConfigError
from hptjax.records.goal import Goal
from hptjax.report.tracker import TrackedTrial, TrackerSink, first_line, tracker
from hptjax.study.config import StudyConfig

BATCH = 90  # params, and metrics, of one request; MLflow's limits are 100 and 1000


class MLflowSink(TrackerSink):
    """Logs params, the metrics of each epoch (`val/loss`, the step is the epoch) and the value.

    tracking_uri: a server, or a store in MLflow's notation; by default MLflow's own setting.
    """

    class Options(TrackerSink.Options):
        """experiment: its name; by default the name of the run's directory.

        offline: whether to log to mlflow.db in the run's directory, for `mlflow ui
        --backend-store-uri sqlite:///RUN/mlflow.db`.
        """

        experiment: str | None = None
        tracking_uri: str | None = None
        offline: bool = False

    def __init__(self, folder: Path, goal: Goal, options: "MLflowSink.Options") -> None:
        self._mlflow = tracker("mlflow")
        uri = f"sqlite:///{folder.resolve()}/mlflow.db" if options.offline else options.tracking_uri
        uri = uri or self._mlflow.get_tracking_uri()
        self._experiment_name = options.experiment or folder.resolve().name
        super().__init__("mlflow", folder, goal, f"{uri} {self._experiment_name}")
        self._client = self._mlflow.MlflowClient(tracking_uri=uri)
        self._experiment = self._found_or_made(uri)

    @classmethod
    def open(cls, study: StudyConfig, folder: Path, options: Any) -> Self:
        return cls(folder, Goal.from_tree(study.metric), options)

    def log(self, trial: TrackedTrial) -> None:
        client, entities = self._client, self._mlflow.entities
        now = int(1000 * time.time())
        run = client.create_run(
            self._experiment,
            run_name=trial.name,
            tags={"study": self.study_name, **trial.tags},
        )
        points = [(*pair, step) for step, values in trial.epochs for pair in values.items()]
        points += [(name, value, len(trial.epochs)) for name, value in trial.result.items()]
        params = [entities.Param(name, str(value)) for name, value in trial.params.items()]
        for some in _parts(params):
            client.log_batch(run.info.run_id, params=some)
        for some in _parts(points):
            metrics = [entities.Metric(name, value, now, step) for name, value, step in some]
            client.log_batch(run.info.run_id, metrics=metrics)
        client.set_terminated(run.info.run_id, status="FAILED" if trial.failed else "FINISHED")

    def _found_or_made(self, uri: str) -> str:
        """The id of the experiment; raises ConfigError if MLflow cannot be reached."""
        name = self._experiment_name
        try:
            found = self._client.get_experiment_by_name(name)
            return self._client.create_experiment(name) if found is None else found.experiment_id
        except self._mlflow.exceptions.MlflowException as error:
            raise ConfigError(
                f"sinks: mlflow must be able to log to {uri}, it says: {first_line(error)}; give "
                "another tracking_uri, or write {mlflow: {offline: true}}."
            ) from None


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yields BATCH values at a time."""
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]
