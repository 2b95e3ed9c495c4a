"""Starts a study from Python; returns a result, however the study ended."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from hptjax import devices
from hptjax.errors import ConfigError, shown
from hptjax.notebook import in_notebook
from hptjax.paths import user_path
from hptjax.records import run_dir
from hptjax.records.trial import StudyResult
from hptjax.report.display import Display, python_display
from hptjax.study.config import StudyConfig
from hptjax.study.sink import Sink
from hptjax.tuning.following import Callback, Follower, Stopped, read_callbacks
from hptjax.tuning.result import INTERRUPTED, STOPPED, Result
from hptjax.tuning.running import Given, run_here


@dataclass(frozen=True)
class Start:
    """The settings of a call that do not belong to the study: directory, display and callbacks.

    out: None uses the default directory; False keeps no files.
    """

    out: Any
    display: Display
    sinks: tuple[Sink, ...]
    functions: tuple[Callback, ...]

    @classmethod
    def of(cls, out: Any, progress: Any, callbacks: Any) -> Self:
        """Reads the arguments of these names; ConfigError for a wrong type."""
        if progress is not None and not isinstance(progress, bool):
            raise ConfigError(f"progress: must be True, False or None, got {shown(progress)}.")
        if out is not None and out is not False and not isinstance(out, str | Path):
            raise ConfigError(f"out: must be a path, None or False, got {shown(out)}.")
        return cls(out, python_display(progress), *read_callbacks(callbacks))

    def run(
        self, study: StudyConfig, given: Given, place: Path, notices: Sequence[str] = ()
    ) -> Result:
        """Runs a study in its directory, or in a temporary one that lives as long as the result.

        place: the default directory. notices: lines about changed arguments.
        """
        kept = self.out is not False
        if kept:
            folder = place if self.out is None else user_path(self.out)
            self.display.say(f"Run directory: {folder}")
        else:
            folder = Path(tempfile.mkdtemp(prefix="hptjax-")) / "run"
        for text in notices:
            self.display.warn(text)
        nothing = StudyResult((), {}, study.to_dict())
        result = Result(nothing, folder, images=given.images, kept=kept)
        devices.keep_programs()
        watching = (*self.sinks, Follower(result, self.functions))
        given = replace(given, sinks=watching, dashboards=kept)
        try:
            result._end(run_here(study, folder, self.display, given))
        except Stopped:
            result._end(run_dir.load_run(folder), STOPPED)
        except KeyboardInterrupt as error:
            self._interrupted(error, result, folder, kept)
        return result

    def _interrupted(
        self, error: KeyboardInterrupt, result: Result, folder: Path, kept: bool
    ) -> None:
        """In a notebook ends with the trials so far; in a script raises the interrupt."""
        if not in_notebook():
            if kept:
                error.add_note(f"{folder}: the same call goes on from here.")
            raise error
        result._end(_recorded(folder, result._records), INTERRUPTED)
        goes_on = "; the same call goes on." if kept else "."
        self.display.say(f"Interrupted with {len(result.trials)} trials{goes_on}")


def _recorded(folder: Path, nothing: StudyResult) -> StudyResult:
    """The records of an interrupted run, if it had begun."""
    try:
        return run_dir.load_run(folder)
    except ConfigError:
        return nothing
