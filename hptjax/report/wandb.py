"""The sink `wandb`: each trial as a run of a Weights & Biases project."""

from pathlib import Path
from typing import Any, Self

from hptjax.errors import ConfigError
from hptjax.records.goal import Goal
from hptjax.report.tracker import TrackedTrial, TrackerSink, first_line, tracker
from hptjax.study.config import StudyConfig


class WandbSink(TrackerSink):
    """Logs config, the metrics of each epoch (`val/loss`, the step is the epoch) and the value.

    The runs of one study are a group with the name of the run's directory; their job type is the
    strategy.
    """

    class Options(TrackerSink.Options):
        """project, entity: as in wandb.init.

        offline: whether to log to wandb/ in the run's directory, for `wandb sync
        RUN/wandb/offline-run-*`.
        """

        project: str = "hptjax"
        entity: str | None = None
        offline: bool = False

    def __init__(self, folder: Path, goal: Goal, options: "WandbSink.Options") -> None:
        self._wandb, self._options, self._folder = tracker("wandb"), options, folder
        place = "offline" if options.offline else options.entity or "online"
        super().__init__("wandb", folder, goal, f"{place} {options.project}")

    @classmethod
    def open(cls, study: StudyConfig, folder: Path, options: Any) -> Self:
        return cls(folder, Goal.from_tree(study.metric), options)

    def log(self, trial: TrackedTrial) -> None:
        run = self._begun(trial)
        for epoch, values in trial.epochs:
            run.log(values, step=epoch)
        run.summary.update({**trial.result, **trial.tags})
        run.finish(exit_code=1 if trial.failed else 0)

    def _begun(self, trial: TrackedTrial) -> Any:
        try:
            return self._init(trial)
        except self._wandb.Error as error:
            raise ConfigError(
                f"sinks: wandb must be able to log, it says: {first_line(error)}; "
                "`wandb login`, or write {wandb: {offline: true}}. The run goes on where it is."
            ) from None

    def _init(self, trial: TrackedTrial) -> Any:
        return self._wandb.init(
            project=self._options.project,
            entity=self._options.entity,
            name=trial.name,
            group=self.study_name,
            job_type=trial.strategy,
            config=dict(trial.params),
            notes=trial.tags.get("reason"),
            dir=str(self._folder),
            mode="offline" if self._options.offline else "online",
            reinit="create_new",  # beside the user's own run
            settings=self._wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
