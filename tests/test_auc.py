"""The area under the ROC curve, against scikit-learn's on the outputs of the measures' tests."""

from pathlib import Path

import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.records import Status
from hptjax.search import run_study
from hptjax.study.auc import area_under_curve
from hptjax.study.metrics import find_metric
from hptjax.tasks.multi_label import MultiLabel
from hptjax.tasks.regression import Regression
from tests.fakes import data, study

ARRAYS = np.load(Path(__file__).parent / "data" / "measures_reference.npz")
# Made by scikit-learn 1.9.1: the mean of roc_auc_score of each class or label of which there are
# images with and without, of log_softmax(outputs) where they are classes.
KNOWN = {
    "classes/plain": 0.902353271178,
    "classes/absent": 0.902298937635,
    "labels/plain": 0.923870675432,
    "labels/absent": 0.706228956229,
}


@pytest.mark.parametrize("case", KNOWN)
def test_it_is_that_of_scikit_learn(case):
    outputs, targets = (ARRAYS[f"{case}/{part}"] for part in ("outputs", "targets"))
    assert area_under_curve(outputs, targets) == pytest.approx(KNOWN[case], abs=1e-6)


def test_ties_count_half_and_one_class_alone_has_none():
    outputs = np.zeros((4, 2), np.float32)
    assert area_under_curve(outputs, np.array([0, 1, 1, 0])) == 0.5
    assert np.isnan(area_under_curve(outputs, np.zeros(4, int)))


@pytest.mark.slow
def test_a_study_may_be_judged_by_it():
    config = study(strategies=("random",), metric="val_auc", budget={"generations": 1}, epochs=1)
    assert config.to_dict()["metric"] == "val_auc"
    result = run_study(config, data())
    trained = [trial for trial in result.trials if trial.status is Status.TRAINED]
    assert trained
    assert all(trial.value == trial.epochs["val_auc"][-1] for trial in trained)
    assert all(0 <= trial.value <= 1 for trial in trained)
    assert result.goal.direction == "maximize"


def test_it_is_found_for_labels_and_refused_for_real_numbers():
    assert find_metric("val_auc", task=MultiLabel()).curve == "val_auc"
    with pytest.raises(ConfigError, match="val_auc: needs classes or labels"):
        area_under_curve(np.zeros((4, 1)), np.zeros(4, np.float32))
    others = "known are val_loss, val_loss_cumulative, val_mae, val_r2, val_rmse"
    with pytest.raises(ConfigError, match=f"'val_accuracy'; {others}"):
        find_metric("val_accuracy", task=Regression())
    with pytest.raises(ConfigError, match=f"val_auc needs classes or labels, but .*; {others}"):
        find_metric("val_auc", task=Regression())
    with pytest.raises(ConfigError, match="did you mean 'val_auc'"):
        find_metric("auc")
