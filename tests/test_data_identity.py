"""Runs and networks' files know their images: other images of the same name are refused."""

import numpy as np
import pytest
import yaml

from hptjax.cli import main as cli
from hptjax.data.dataset import ImageDataset
from hptjax.data.digest import dataset_digest
from hptjax.errors import ConfigError
from hptjax.records import RunDirectory, load_network, load_run
from hptjax.records.reader import read_run
from hptjax.search import run_study
from hptjax.study.budget import Budget
from hptjax.study.data import StudyData
from tests import fakes
from tests.commands import pretend_training, refused
from tests.nets import images

TREE = {
    "model": fakes.model(),
    "space": fakes.SPACE.to_dict(),
    "data": {"source": "npz:x.npz"},
    "strategies": ["random"],
    "population_size": 4,
    "budget": {"generations": 1},
    "tensorboard": False,
}


def write(change=lambda arrays: None):
    """x.npz in the present folder, of noise."""
    train, test = images(64), images(16, seed=5)
    arrays = {
        "x_train": train.images,
        "y_train": train.labels,
        "x_test": test.images,
        "y_test": test.labels,
        "class_names": np.array([str(k) for k in range(10)]),
    }
    arrays = {key: array.copy() for key, array in arrays.items()}
    change(arrays)
    np.savez("x.npz", **arrays)


def darken(arrays):
    arrays["x_train"][7, 3, 3] ^= 1


def relabel(arrays):
    arrays["y_train"][7] = (arrays["y_train"][7] + 1) % 10


def rename(arrays):
    arrays["class_names"][0] = "x"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Makes a run with a fake trainer, in the present folder."""
    pretend_training(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(TREE, sort_keys=False))
    write()
    assert cli.main(["run", "small.yaml", "--out", "run"]) == 0
    return "run"


def test_a_digest_is_of_content_and_not_of_layout():
    one = images(8)
    other = ImageDataset(
        np.asfortranarray(one.images), one.labels.copy(), one.class_names, "of another name"
    )
    assert dataset_digest(other) == dataset_digest(one)
    assert len({dataset_digest(d) for d in (one, one.take(np.arange(7)), images(8, seed=1))}) == 3


@pytest.mark.parametrize("change", [darken, relabel, rename])
def test_a_run_does_not_go_on_with_other_images(run, capsys, change):
    extended = ["run", "small.yaml", "--out", "run", "--generations", "2"]
    write(change)
    error = refused(capsys, *extended)
    assert "images or labels of npz:x.npz are not those that this run was made with" in error
    assert len(load_run("run").generations) == 1
    assert cli.main(["run", "small.yaml", "--out", "run"]) == 0  # finished: nothing to be trained
    write()
    assert cli.main(extended) == 0
    assert len(load_run("run").generations) == 2


def test_a_trial_is_not_reproduced_with_other_images(run, capsys, monkeypatch):
    monkeypatch.setattr("hptjax.search.retrain.local_executor", lambda *parts: fakes.FakeExecutor())
    words = ["export", "run", "--trial", "0", "--to", "a.safetensors"]
    assert cli.main(words) == 0
    assert load_network("a.safetensors").trial["digests"] == load_network("run").trial["digests"]
    write(darken)
    assert "are not those that this run was made with" in refused(capsys, *words)


def test_evaluate_refuses_other_images_unless_they_are_asked_for(run, capsys, monkeypatch):
    values = {"loss": 0.5, "accuracy": 0.5}
    monkeypatch.setattr(
        "hptjax.models.network.evaluate_variables", lambda *parts, **options: values
    )
    monkeypatch.setattr("hptjax.models.network.check_variables", lambda *parts: None)
    for split in ("train", "validation", "test"):
        assert cli.main(["evaluate", "run", "--split", split]) == 0
    write(lambda arrays: arrays["x_test"].__setitem__(0, 255 - arrays["x_test"][0]))
    assert cli.main(["evaluate", "run", "--split", "train"]) == 0
    error = refused(capsys, "evaluate", "run", "--split", "test")
    assert "the test images or labels of npz:x.npz are not those that its run had" in error
    assert cli.main(["evaluate", "run", "--split", "test", "--data", "npz:x.npz"]) == 0


def test_test_images_that_are_damaged_are_not_taken_for_none(run, capsys):
    write(lambda arrays: arrays.__setitem__("y_test", arrays["y_test"][:-1]))
    assert "y_test" in refused(capsys, "run", "small.yaml", "--out", "other")


def test_a_study_from_python_does_not_go_on_with_other_images(tmp_path):
    """Whatever the journal, it does not go on silently if rounding may differ."""
    config, train = fakes.study(strategies=("random",)), fakes.data()

    def run(data, generations, processor="one"):
        executor = fakes.FakeExecutor()
        executor.rounding = lambda: {"processor": processor}
        longer = config.model_copy(update={"budget": Budget(generations=generations)})
        with RunDirectory(tmp_path / "run", longer.to_dict()) as directory:
            return run_study(longer, data, journal=directory.journal, executor=executor)

    run(train, 1)
    other = StudyData(train.train, images(32, seed=7))
    with pytest.raises(ConfigError, match=r"run: the validation images or labels of sample are"):
        run(other, 2)
    assert len(load_run(tmp_path / "run").generations) == 1
    with pytest.warns(UserWarning, match="rounding may differ .processor was one, now two"):
        run(train, 2, "two")
    assert len(load_run(tmp_path / "run").generations) == 2
    assert read_run(tmp_path / "run").environment == {"processor": "two"}
