"""The records for TensorBoard's HParams page: the experiment, and a session for each trial."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tensorboardX.proto import api_pb2, plugin_hparams_pb2, summary_pb2

from hptjax.checks import is_number
from hptjax.entries import Categorical, Entry
from hptjax.records.goal import Goal
from hptjax.records.metrics import TRAIN, VAL, measure_of
from hptjax.space import Space

# protobuf makes their classes at import, so that type checkers do not see them
api: Any = api_pb2
sessions: Any = plugin_hparams_pb2
summaries: Any = summary_pb2

STRATEGY = "strategy"  # shown as a further hparam, to filter and to colour by


def scalar_tag(metric: str) -> str:
    """The tag of a metric: `val/loss` for val_loss; the part before the slash groups plots."""
    part = TRAIN if metric.startswith(TRAIN) else VAL
    return f"{part.removesuffix('_')}/{measure_of(metric)}"


def experiment(space: Space, strategies: Sequence[str], goal: Goal, metrics: Sequence[str]) -> Any:
    """The experiment: every hparam with its domain, and the metrics; goal: that of the study."""
    hparams = [_info(STRATEGY, Categorical(tuple(strategies)))]
    hparams += [_info(name, entry) for name, entry in space.items()]
    value = api.MetricInfo(
        name=api.MetricName(tag=goal.name),
        display_name=f"{goal.name} ({goal.direction})",
        description=f"What trials are judged by: {goal.name}, {goal.better} is better.",
        dataset_type=api.DatasetType.Value("DATASET_VALIDATION"),
    )
    shown = [value, *map(_metric_info, metrics)]
    return _summary(
        "experiment", experiment=api.Experiment(hparam_infos=hparams, metric_infos=shown)
    )


def session_start(
    space: Space, strategy: str, hparams: Mapping[str, Any], group: str, began: float
) -> Any:
    """The start of a trial, with its hparams; a group is shown as one; began: Unix time."""
    start = sessions.SessionStartInfo(group_name=group, start_time_secs=began)
    _set(start.hparams[STRATEGY], strategy)
    for name, value in hparams.items():
        shown = plain_scalar(value)
        entry = space.get(name)
        _set(start.hparams[name], str(shown) if entry is not None and _as_text(entry) else shown)
    return _summary("session_start_info", session_start_info=start)


def session_end(failed: bool, ended: float) -> Any:
    """The end of a trial; ended: seconds since 1970."""
    status = api.Status.Value("STATUS_FAILURE" if failed else "STATUS_SUCCESS")
    end = sessions.SessionEndInfo(status=status, end_time_secs=ended)
    return _summary("session_end_info", session_end_info=end)


def plain_scalar(value: Any) -> Any:
    """A scalar of numpy or JAX as a Python scalar; any other value unchanged."""
    if isinstance(value, bool | int | float | str) and not isinstance(value, np.generic):
        return value
    array = np.asarray(value)
    return array.item() if array.ndim == 0 and array.dtype != object else value


def _info(name: str, entry: Entry) -> Any:
    if not isinstance(entry, Categorical):
        interval = api.Interval(min_value=entry.low, max_value=entry.high)
        kind = api.DataType.Value("DATA_TYPE_FLOAT64")
        return api.HParamInfo(name=name, type=kind, domain_interval=interval)
    info = api.HParamInfo(name=name, type=api.DataType.Value(_kind(entry)))
    for choice in entry.choices:
        _set(info.domain_discrete.values.add(), str(choice) if _as_text(entry) else choice)
    return info


def _kind(entry: Categorical) -> str:
    if all(isinstance(choice, bool) for choice in entry.choices):
        return "DATA_TYPE_BOOL"
    numbers = all(is_number(choice) for choice in entry.choices)
    return "DATA_TYPE_FLOAT64" if numbers else "DATA_TYPE_STRING"


def _as_text(entry: Entry) -> bool:
    """Whether choices are shown as text, as choices of several types are."""
    return isinstance(entry, Categorical) and _kind(entry) == "DATA_TYPE_STRING"


def _set(field: Any, value: Any) -> None:
    """Sets the value of a protobuf field of any type."""
    if isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, int | float):
        field.number_value = value
    else:
        field.string_value = str(value)


def _metric_info(metric: str) -> Any:
    dataset = "DATASET_TRAINING" if metric.startswith(TRAIN) else "DATASET_VALIDATION"
    return api.MetricInfo(
        name=api.MetricName(tag=scalar_tag(metric)),
        display_name=metric,
        dataset_type=api.DatasetType.Value(dataset),
    )


def _summary(tag: str, **content: Any) -> Any:
    data = sessions.HParamsPluginData(version=0, **content).SerializeToString()
    plugin = summaries.SummaryMetadata.PluginData(plugin_name="hparams", content=data)
    metadata = summaries.SummaryMetadata(plugin_data=plugin)
    return summaries.Summary(
        value=[summaries.Summary.Value(tag=f"_hparams_/{tag}", metadata=metadata)]
    )
