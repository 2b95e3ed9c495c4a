"""The table of schedules, which a study names under `schedule`."""

from collections.abc import Mapping
from typing import Any

from hptjax.config.named import Spelling, with_name
from hptjax.errors import ConfigError
from hptjax.study.schedule import Hyperband, Schedule, SuccessiveHalving
from hptjax.table import Table

# A row is a pydantic model of the schedule's options; the study sets its field `epochs`.
SCHEDULES: Table[Any] = Table(
    "schedules",
    "schedule",
    {
        "full": "hptjax.study.schedule:FullEpochs",
        "halving": "hptjax.study.schedule:SuccessiveHalving",
        "hyperband": "hptjax.study.schedule:Hyperband",
    },
    needs=("model_fields", "size", "decide"),
)


def make_schedule(tree: str | Mapping[str, Any], epochs: int) -> Schedule:
    """Makes a schedule from any form of a part, such as `halving`; ConfigError for a mistake."""
    must = "schedule: must be a name, or a mapping such as {name: halving}"
    spelling = Spelling.of(tree, "schedule", must)
    kind = SCHEDULES.find(spelling.word, "schedule")
    if isinstance(spelling.given, Mapping) and "epochs" in spelling.given:
        raise ConfigError("schedule.epochs: epochs are the study's, and stand beside schedule.")
    made = spelling.options(kind, epochs=epochs)
    # 1 is the default, also of a study of one epoch, which has nothing to stop
    if isinstance(made, SuccessiveHalving | Hyperband) and 1 < made.first >= epochs:
        raise ConfigError(
            f"{spelling.path}.first: must be below the study's epochs, which are {epochs}, got "
            f"{made.first}: no trial would be stopped early."
        )
    return made


def noted(tree: Any) -> Any:
    """A schedule in the form of a run's files: its name, or `{name: halving, reduction: 4}`."""
    return tree if isinstance(tree, str) else with_name(tree)
