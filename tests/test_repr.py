"""What a notebook prints of a result is one short line."""

import numpy as np
import pytest

import hptjax
from hptjax.records import SavedNetwork
from hptjax.records.trial import StudyResult
from hptjax.search.run import run_study
from tests import fakes


@pytest.fixture(scope="module")
def result():
    config = fakes.study(strategies=("random", "tpe"), metric="val_accuracy")
    return run_study(config, fakes.data(), executor=fakes.FakeExecutor())


def test_results_and_configs_are_one_short_line(result):
    config = hptjax.ModelConfig.from_dict(fakes.model())
    network = SavedNetwork(config, {"params": {"w": np.ones((3, 4))}}, {})
    shown = [
        result, result.best, result.generations[0], config, fakes.study(), network,
    ]  # fmt: skip
    for thing in shown:
        for text in (repr(thing), str(thing)):
            assert "\n" not in text
            assert len(text) <= 180
            assert type(thing).__name__ in text


def test_a_result_tells_its_trials_and_its_best(result):
    best, text = result.best, repr(result)
    trained = sum(trial.status.value == "trained" for trial in result.trials)
    assert text.startswith(f"StudyResult(64 trials: {trained} trained, ")
    assert text.endswith(f"best {best.strategy}/{best.number}: val_accuracy {best.value:.4f})")
    assert repr(StudyResult((), {})) == "StudyResult(0 trials: none yet)"
