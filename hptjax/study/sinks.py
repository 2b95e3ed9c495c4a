"""The table of sinks, which a study names under `sinks` to observe `hptjax run`."""

from typing import Any

from hptjax.config.named import Part, part
from hptjax.errors import ConfigError, shown
from hptjax.study.sink import Sink
from hptjax.table import Table

SINKS: Table[type[Sink]] = Table(
    "sinks",
    "sink",
    {
        "mlflow": "hptjax.report.mlflow:MLflowSink",
        "optuna_journal": "hptjax.report.optuna_journal:OptunaJournalSink",
        "tensorboard": "hptjax.report.tensorboard:TensorBoardSink",
        "trackio": "hptjax.report.trackio:TrackioSink",
        "wandb": "hptjax.report.wandb:WandbSink",
    },
    base="hptjax.study.sink:Sink",
)


def sinks_of(tree: Any) -> tuple[Part, ...]:
    """The sinks of a list of parts; ConfigError for a mistake or a repeated sink."""
    if not isinstance(tree, list | tuple):
        raise ConfigError(f"sinks: must be a list of sinks, got {shown(tree)}.")
    table: Table[Any] = SINKS  # the options of a sink are a class of their own
    parts = tuple(part(table, item, f"sinks.{k}") for k, item in enumerate(tree))
    for k, sink in enumerate(parts):
        if sink.name in [other.name for other in parts[:k]]:
            raise ConfigError(f"sinks.{k}: must not repeat a sink, got {sink.name} twice.")
    return parts
