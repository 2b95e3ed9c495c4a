"""TensorBoard's files: read back by the protobufs, and by TensorBoard's own HParams page."""

import math
import struct

import jax.numpy as jnp
import numpy as np
import pytest
from tensorboardX.proto.api_pb2 import DataType, Status
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from hptjax.records import GenerationRecord, TrialRecord
from hptjax.records import Status as Ours
from hptjax.records.goal import Goal
from hptjax.report.tensorboard import TensorBoardSink
from hptjax.search import run_study
from hptjax.space import Categorical, Float, Integer, Space
from tests import fakes

SPACE = Space(
    {
        "lr": Float(0.001, 0.1, log=True),
        "width": Integer(4, 16),
        "bn": Categorical((False, True)),
        "act": Categorical(("relu", "tanh")),
        "batch": Categorical((64, 128)),
        "mixed": Categorical((1, "same")),
    }
)
HPARAMS = {"lr": 0.01, "width": 8, "bn": True, "act": "relu", "batch": 64, "mixed": 1}
CURVES = {name: (1.0, None, 0.5) for name in ("train_loss", "val_loss")}
GOAL = Goal("val_accuracy", "maximize")
TEXT, NUMBER, TRUTH = "DATA_TYPE_STRING", "DATA_TYPE_FLOAT64", "DATA_TYPE_BOOL"


def read(folder):
    """The events of the one file of a folder; lengths and checksums stand around each."""
    (path,) = (p for p in folder.iterdir() if p.is_file())
    content, events = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        events.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return events


def plugin(events, tag):
    values = (value for event in events for value in event.summary.value)
    (found,) = (v.metadata.plugin_data for v in values if v.tag == f"_hparams_/{tag}")
    assert found.plugin_name == "hparams"
    return HParamsPluginData.FromString(found.content)


def scalars(events):
    return [
        (value.tag, event.step, value.simple_value)
        for event in events
        for value in event.summary.value
        if not value.metadata.plugin_data.plugin_name
    ]


def trial(number, **changes):
    made = {"hparams": HPARAMS, "epochs": CURVES, "value": 0.5} | changes
    return TrialRecord("des", number, number, (0.5,), **made)


@pytest.fixture
def written(tmp_path):
    """Writes trials as one generation of ten seconds; gives the events of each."""

    def write(*trials):
        sink = TensorBoardSink(tmp_path / "tb", SPACE, ("des", "tpe"), GOAL)
        sink.generation(GenerationRecord("des", 0, trials, {"wall_s": 10.0}), replayed=False)
        return [read(tmp_path / "tb" / "des" / f"trial-{t.number:05d}") for t in trials]

    return write


def test_the_experiment_declares_every_hparam_before_the_first_trial(tmp_path):
    TensorBoardSink(tmp_path / "tb", SPACE, ("des", "tpe"), GOAL).begin("des", None)
    found = plugin(read(tmp_path / "tb"), "experiment").experiment
    kinds = {info.name: DataType.Name(info.type) for info in found.hparam_infos}
    assert kinds == {
        "strategy": TEXT,
        "lr": NUMBER,
        "width": NUMBER,
        "bn": TRUTH,
        "act": TEXT,
        "batch": NUMBER,
        "mixed": TEXT,
    }
    infos = {info.name: info for info in found.hparam_infos}
    assert infos["lr"].domain_interval.min_value == 0.001
    assert infos["lr"].domain_interval.max_value == 0.1
    assert [v.string_value for v in infos["mixed"].domain_discrete.values] == ["1", "same"]
    assert [v.number_value for v in infos["batch"].domain_discrete.values] == [64, 128]
    assert [v.bool_value for v in infos["bn"].domain_discrete.values] == [False, True]
    assert [v.string_value for v in infos["strategy"].domain_discrete.values] == ["des", "tpe"]
    tags = [info.name.tag for info in found.metric_infos]
    assert tags[0] == "val_accuracy"
    assert found.metric_infos[0].display_name == "val_accuracy (maximize)"
    assert {"train/loss", "val/loss", "train/accuracy", "val/accuracy"} < set(tags)


def test_a_trial_is_a_session_with_its_hparams_scalars_and_end(written):
    (events,) = written(trial(3))
    start = plugin(events, "session_start_info").session_start_info
    end = plugin(events, "session_end_info").session_end_info
    assert start.hparams["lr"].number_value == 0.01
    assert start.hparams["bn"].bool_value is True
    assert start.hparams["mixed"].string_value == "1"  # as its domain has it
    assert start.hparams["strategy"].string_value == "des"
    assert end.end_time_secs - start.start_time_secs == pytest.approx(10.0)
    assert end.status == Status.Value("STATUS_SUCCESS")
    found = scalars(events)
    assert found[0] == ("train/loss", 1, 1.0)
    assert found[-1] == ("val_accuracy", 3, 0.5)
    loss = {step: value for tag, step, value in found if tag == "val/loss"}
    assert (loss[1], loss[3]) == (1.0, 0.5)
    assert math.isnan(loss[2])
    times = [event.wall_time for event in events if event.summary.value]
    assert times == sorted(times)


def test_a_failed_trial_keeps_its_hparams_and_ends_in_failure(written):
    (events,) = written(trial(0, status=Ours.INFEASIBLE, epochs={}, value=None))
    assert (
        plugin(events, "session_start_info").session_start_info.hparams["width"].number_value == 8
    )
    end = plugin(events, "session_end_info").session_end_info
    assert end.status == Status.Value("STATUS_FAILURE")
    assert scalars(events) == []


def test_trials_of_the_same_hparams_are_one_group(written):
    events = written(trial(0), trial(1, hparams={**HPARAMS, "lr": 0.02}), trial(2))
    groups = [plugin(e, "session_start_info").session_start_info.group_name for e in events]
    assert groups == ["des/trial-00000", "des/trial-00001", "des/trial-00000"]


def test_the_spread_of_repeated_trainings_has_tags_of_its_own(written):
    (events,) = written(trial(0, spread={"val_loss": (0.1, 0.2, 0.25)}))
    found = [value for tag, _, value in scalars(events) if tag == "spread/val_loss"]
    assert found == pytest.approx([0.1, 0.2, 0.25])


@pytest.mark.parametrize("make", [np.asarray, jnp.asarray, lambda x: np.asarray(x)[()]])
def test_scalars_of_numpy_and_jax_are_taken(written, make):
    numbers = {"lr": make(0.25), "width": make(8), "bn": make(True), "batch": make(64)}
    hparams = {**HPARAMS, **numbers, "act": np.str_("relu")}
    (events,) = written(
        trial(0, hparams=hparams, value=make(0.5), epochs={"val_loss": [make(2.0)]})
    )
    start = plugin(events, "session_start_info").session_start_info.hparams
    assert (start["lr"].number_value, start["width"].number_value) == (0.25, 8)
    assert start["bn"].WhichOneof("kind") == "bool_value"
    assert start["act"].string_value == "relu"
    assert scalars(events) == [("val/loss", 1, 2.0), ("val_accuracy", 1, 0.5)]


def test_a_resume_writes_it_anew(tmp_path):
    study, found = fakes.study(strategies=("random", "tpe"), budget={"generations": 2}), []
    for _ in range(2):
        sink = TensorBoardSink(tmp_path / "tb", study.space, study.labels, Goal())
        found.append(run_study(study, fakes.data(), executor=fakes.FakeExecutor(), sinks=[sink]))
    assert len(list((tmp_path / "tb").rglob("events.*"))) == len(found[-1].trials) + 1


def test_tensorboards_hparams_page_shows_every_trial(tmp_path):
    """TensorBoard's own reading of a whole run: what the page asks its server for."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    study = fakes.study(strategies=("random", "tpe"), budget={"generations": 2})
    folder = str(tmp_path / "tb")
    sink = TensorBoardSink(tmp_path / "tb", study.space, study.labels, Goal())
    result = run_study(study, fakes.data(), executor=fakes.FakeExecutor(), sinks=[sink])
    runs = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(folder)
    runs.Reload()
    provider = data_provider.MultiplexerDataProvider(runs, folder)
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    value = api_pb2.ColParams(metric=api_pb2.MetricName(tag="val_loss"), order=api_pb2.ORDER_ASC)
    request = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE],
        aggregation_type=api_pb2.AGGREGATION_AVG,
        col_params=[value],
        slice_size=1000,
    )
    found = list_session_groups.Handler(RequestContext(), context, "run", request).run()
    sessions = {
        session.name: (group, session)
        for group in found.session_groups
        for session in group.sessions
    }
    assert len(sessions) == len(result.trials)
    for ours in result.trials:
        group, session = sessions[f"{ours.strategy}/trial-{ours.number:05d}"]
        assert group.hparams["lr"].number_value == ours.hparams["lr"]
        assert group.hparams["strategy"].string_value == ours.strategy
        shown = {metric.name.tag: metric.value for metric in session.metric_values}
        if ours.value is not None:
            assert shown["val_loss"] == pytest.approx(ours.value)
