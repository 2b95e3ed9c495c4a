"""What watches a run of the command line: progress, TensorBoard."""

from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from hptjax.config.study import StudyConfig
from hptjax.records.progress import ProgressBars, ProgressLines
from hptjax.study.loop import Sink


def make_sinks(study: StudyConfig, out: Path, console: Console, stack: ExitStack) -> list[Sink]:
    """A bar on a terminal, lines elsewhere; TensorBoard scalars unless the study wants none."""
    sinks: list[Sink] = []
    if console.is_terminal:
        sinks.append(stack.enter_context(ProgressBars(console)))
    else:
        sinks.append(ProgressLines(console.file))
    if study.tensorboard:
        from hptjax.records.tensorboard import TensorBoardSink

        sinks.append(TensorBoardSink(out / "tb"))
    return sinks
