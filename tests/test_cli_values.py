"""One number for one thing: what leaderboard, best/ and `evaluate` each say a number is of."""

import re

import pytest
import yaml

from hptjax.cli import main as cli
from hptjax.records import load_network, load_run
from hptjax.search.network import value_note
from tests import fakes
from tests.test_cli_networks import TREE


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs small.yaml with other keys; gives the folder."""
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    monkeypatch.chdir(tmp_path)

    def made(**changes):
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(TREE | changes))
        assert cli.main(["run", "small.yaml", "--out", "run"]) == 0
        return tmp_path / "run"

    return made


@pytest.fixture
def pretended(run, monkeypatch):
    monkeypatch.setattr(
        "hptjax.executors.local.local_executor", lambda *parts: fakes.FakeExecutor()
    )
    return run


def test_the_files_tell_the_mean_from_the_networks_own(pretended):
    folder = pretended(repeats=3)
    best = load_run(folder).best
    noted = yaml.safe_load((folder / "best" / "config.yaml").read_text())["trial"]
    assert noted == load_network(folder).trial
    own = fakes.fake_loss(member_of(best), best.age - 1)
    assert (noted["metric"], noted["direction"], noted["repeats"]) == ("val_loss", "minimize", 3)
    assert noted["value"] == noted["val_loss"] == best.value
    assert noted["network"]["val_loss"] == pytest.approx(own, rel=1e-6)
    assert abs(own - best.value) > 1e-4
    assert noted["epoch"] == 2
    assert value_note(noted) == (
        f"The trial's val_loss {best.value:.4f} is the mean of 3 repetitions. These weights are "
        f"the first repetition's, after epoch 2: val_loss {own:.4f} and val_accuracy "
        f"{noted['network']['val_accuracy']:.4f}."
    )


def member_of(trial):
    from hptjax.config.schema import ModelConfig
    from hptjax.population import Member

    return Member(ModelConfig.from_dict(trial.config), trial.key)


def test_the_leaderboard_says_that_values_are_means(pretended, capsys):
    pretended(repeats=2)
    assert "(val_loss, lower is better; means of the repetitions)" in capsys.readouterr().out


def test_one_training_judged_by_its_last_epoch_needs_no_note(pretended):
    for metric in ("val_loss", "val_accuracy"):
        noted = load_network(pretended(metric=metric) if metric == "val_loss" else again(metric))
        assert noted.trial["value"] == noted.trial["network"][metric]
        assert value_note(noted.trial) is None


def again(metric):
    assert cli.main(["run", "small.yaml", "--set", f"metric={metric}", "--out", "other"]) == 0
    return "other"


def test_what_is_made_of_several_epochs_is_not_said_of_the_last_ones_weights(pretended):
    noted = load_network(pretended(metric="val_loss_cumulative")).trial
    assert noted["value"] != noted["network"]["val_loss"]
    assert value_note(noted).startswith(
        f"The trial's val_loss_cumulative {noted['value']:.4f} is made of its curves. These weights"
        f" are after epoch 2: val_loss {noted['network']['val_loss']:.4f}"
    )


def test_export_of_a_repeated_trial_compares_it_with_the_first_repetition(
    pretended, monkeypatch, capsys
):
    folder = pretended(repeats=3)
    best = load_run(folder).best
    monkeypatch.setattr("hptjax.search.retrain.local_executor", lambda *parts: fakes.FakeExecutor())
    name = f"{best.strategy}/{best.number}"
    capsys.readouterr()
    assert cli.main(["export", str(folder), "--trial", name, "--to", "t.safetensors"]) == 0
    own = load_network(folder).trial["network"]["val_loss"]
    text = capsys.readouterr().out
    assert f"val loss {own:.4f}, recorded {own:.4f} (the first of 3 repetitions" in text
    assert load_network("t.safetensors").trial == load_network(folder).trial


@pytest.mark.slow
def test_evaluate_measures_what_the_files_call_the_networks_own(run, capsys):
    folder = run(
        repeats=2,
        strategies=["random"],
        population_size=2,
        data={"source": "sample", "train_limit": 100, "augment": False},
    )
    noted = load_network(folder).trial
    capsys.readouterr()
    assert cli.main(["evaluate", str(folder), "--split", "validation"]) == 0
    *_, line, note = capsys.readouterr().out.splitlines()
    loss = float(re.search(r"loss (\S+)", line).group(1))
    assert loss == pytest.approx(noted["network"]["val_loss"], abs=2e-3)
    assert note == value_note(noted)
    assert "is the mean of 2 repetitions" in note
