"""The sink `trackio`: each trial as a run of a Trackio project, on this machine or in a Space."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Self

from hptjax.records.goal import Goal
from hptjax.report.tracker import TrackedTrial, TrackerSink, tracker
from hptjax.study.config import StudyConfig


class TrackioSink(TrackerSink):
    """Logs config, the metrics of each epoch (`val/loss`, the step is the epoch) and the value.

    The runs of one study are a group with the name of the run's directory.
    """

    class Options(TrackerSink.Options):
        """project: the project, which `trackio show --project` shows.

        space: the Hugging Face Space to log to (None: this machine).
        """

        project: str = "hptjax"
        space: str | None = None

    def __init__(self, folder: Path, goal: Goal, options: "TrackioSink.Options") -> None:
        self._trackio, self._options = tracker("trackio"), options
        place = options.space or "local"
        super().__init__("trackio", folder, goal, f"{place} {options.project}")

    @classmethod
    def open(cls, study: StudyConfig, folder: Path, options: Any) -> Self:
        return cls(folder, Goal.from_tree(study.metric), options)

    def log(self, trial: TrackedTrial) -> None:
        with redirect_stdout(StringIO()):  # it prints greetings for each run
            run = self._trackio.init(
                project=self._options.project,
                name=f"{self.study_name}/{trial.name}",
                group=self.study_name,
                space_id=self._options.space,
                config={**trial.params, **trial.tags},
                embed=False,
                auto_log_gpu=False,  # the machine's load does not belong to a trial
                auto_log_cpu=False,
            )
            for epoch, values in trial.epochs:
                run.log(values, step=epoch)
            if trial.result:
                run.log(dict(trial.result), step=len(trial.epochs))
            self._trackio.finish()
