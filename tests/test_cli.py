"""The command line: what it writes, how it resumes, and what it says to users' mistakes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

import hptjax
from hptjax.cli import main as cli
from hptjax.cli.run import default_out
from hptjax.cli.train import defaults_text
from hptjax.devices import available_cores, cache_directory
from hptjax.records import load_network, load_run
from hptjax.study.load import load_defaults
from hptjax.transpile import Problem
from tests import fakes

EXECUTOR = "hptjax.executors.local.local_executor"  # what the command line has no option for


def executor(study, data, notify):
    """A pretended one, which refuses what the real one does."""
    Problem(study.model, study.space, data.image).cover()
    return fakes.FakeExecutor()


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The path of a small study; the trainer only pretends, and JAX stays as it is."""
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    monkeypatch.setattr(EXECUTOR, executor)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    tree = {
        "model": fakes.model(),
        "space": fakes.SPACE.to_dict(),
        "data": {"source": "sample", "train_limit": 100},
        "strategies": ["random", "tpe"],
        "population_size": 6,
        "budget": {"generations": 2},
        "tensorboard": False,
    }
    path.write_text(yaml.safe_dump(tree))
    return path


@pytest.fixture
def fail(capsys):
    """Runs the command line, which must refuse in one line with exit code 2; gives the line."""

    def run(*words):
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        output = capsys.readouterr()
        assert code == 2
        assert output.err.startswith("hptjax: ")
        assert output.err.count("\n") == 1
        return output.err

    return run


def trials_of(path):
    return [(t.strategy, t.key, t.hparams, t.value) for t in load_run(path).trials]


def test_run_writes_a_run_directory_and_shows_the_leaderboard(study, capsys, tmp_path):
    assert cli.main(["run", str(study)]) == 0
    out = tmp_path / "runs" / "small-random-tpe-seed0"
    names = {path.name for path in out.iterdir()}
    tables = {"trials.csv", "epochs.csv", "optuna.journal"}
    assert names == {"config.yaml", "environment.json", "journal.jsonl", "best", *tables}
    output = capsys.readouterr().out
    lines = [line for line in output.splitlines() if line.startswith(("random gen", "tpe gen"))]
    assert len(lines) == 4  # quiet when piped: a line for each generation
    assert "Leaderboard" in output
    best = load_run(out).best
    assert best is not None
    network = load_network(out)
    assert network.config.to_dict() == best.config
    assert network.variables["params"]["trial"][0] == best.key


def test_a_finished_run_is_shown_again_and_left_alone(study, capsys):
    cli.main(["run", str(study), "--out", "run"])
    before = (study.parent / "run" / "journal.jsonl").read_bytes()
    capsys.readouterr()
    assert cli.main(["run", str(study), "--out", "run"]) == 0
    output = capsys.readouterr().out
    assert "this run is finished" in output
    assert "Leaderboard" in output
    assert (study.parent / "run" / "journal.jsonl").read_bytes() == before


def test_options_stand_for_keys_and_one_strategy_alone_is_the_same(study):
    cli.main(["run", str(study), "--out", "both"])
    cli.main(["run", str(study), "--out", "tpe", "--strategy", "tpe"])
    both = trials_of(study.parent / "both")
    assert trials_of(study.parent / "tpe") == [t for t in both if t[0] == "tpe"]
    words = ["--epochs", "3", "--generations", "1", "--population-size", "4", "--seed", "5"]
    words += ["--trials", "3"]
    cli.main(["run", str(study), "--out", "other", *words, "--set", "model.batch_size=8"])
    tree = yaml.safe_load((study.parent / "other" / "config.yaml").read_text())
    assert (tree["epochs"], tree["seed"], tree["model"]["batch_size"]) == (3, 5, 8)
    assert len(trials_of(study.parent / "other")) == 6  # 3 of each strategy


def test_ctrl_c_says_how_to_go_on_and_going_on_ends_the_same(study, capsys, monkeypatch):
    cli.main(["run", str(study), "--out", "whole"])
    epochs = iter(range(100))

    class Interrupted(fakes.FakeExecutor):
        def epoch(self, members, age):
            if next(epochs) == 2:
                raise KeyboardInterrupt
            return super().epoch(members, age)

    with monkeypatch.context() as patch:
        patch.setattr(EXECUTOR, lambda *parts: Interrupted())
        assert cli.main(["run", str(study), "--out", "run"]) == 130
    assert "run the same command again" in capsys.readouterr().err
    rows = (study.parent / "run" / "trials.csv").read_text().splitlines()
    assert len(rows) == 1 + len(trials_of(study.parent / "run")) > 1
    assert cli.main(["run", str(study), "--out", "run"]) == 0
    assert "going on" in capsys.readouterr().out
    assert trials_of(study.parent / "run") == trials_of(study.parent / "whole")


def test_a_bug_keeps_its_traceback(study, monkeypatch):
    def broken(*parts):
        raise ZeroDivisionError

    monkeypatch.setattr(EXECUTOR, broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", str(study)])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--set", "model.lrr=1"], "model.lrr: unknown key; did you mean 'lr'?"),
        (["--set", "epochs=many"], "epochs: must be a valid integer, got 'many'"),
        (["--set", "model.lr=-1"], "model.lr: must be greater than 0, got -1"),
        (["--set", "space.lrr={type: float, low: 0, high: 1}"], "did you mean 'lr'?"),
        (["--set", "nonsense"], "must have the form key=value"),
        (["--set", "model.resnet_config.pool_size=13"], "No point of the space"),
        (["--data", "nowhere"], "data.source: must be sample, fashion_mnist"),
        (["--data", "npz:gone.npz"], "gone.npz"),
        (["--strategy", "cma"], "strategies: unknown searcher 'cma'"),
        (["--epochs", "two"], "invalid int value: 'two'"),
    ],
)
def test_mistakes_are_one_line(study, fail, words, text):
    assert text in fail("run", study, *words)


def test_missing_and_malformed_files_are_named(study, fail):
    assert "no such file; . holds small.yaml" in fail("run", "smal.yaml")
    study.write_text("model: {lr: 0.1\nspace: [")
    assert "small.yaml:2" in fail("run", study)


def test_broken_idx_files_are_named(study, fail, tmp_path):
    folder = tmp_path / "idx"
    folder.mkdir()
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(b"no gzip at all")
    message = fail("run", study, "--data", "fashion_mnist", "--data-dir", folder)
    assert "ubyte.gz" in message


def test_another_config_in_the_same_directory(study, fail):
    cli.main(["run", str(study), "--out", "run"])
    assert "epochs: 1 there, 2 here" in fail("run", study, "--out", "run", "--epochs", "2")


def test_a_damaged_journal_is_named_with_its_line(study, fail, tmp_path):
    cli.main(["run", str(study), "--out", "run"])
    path = tmp_path / "run" / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    number = next(k for k, line in enumerate(lines) if '"number":0' in line)
    lines[number] = lines[number].replace('"number":0', '"number":1', 1)
    path.write_text("".join(lines))
    expected = f"line {number + 1}: checksum does not match"
    assert expected in fail("run", study, "--out", "run")


def test_describe_says_what_would_be_compiled(study, capsys):
    assert cli.main(["describe", str(study)]) == 0
    output = capsys.readouterr().out
    for text in ("3 hparams", "Compiled bodies: 3", "bytes moved", "Padding:", "member", "MiB"):
        assert text in output


def test_describe_of_a_model_counts_its_parameters(study, capsys):
    study.write_text(yaml.safe_dump({"model": fakes.model()}))
    assert cli.main(["describe", str(study)]) == 0
    # first conv 40; block: 148 + 148 + 20 and three norms of 8; linear 296 and 90, no norms there
    assert "In all: 766 parameters; " in capsys.readouterr().out


def test_describe_takes_the_images_that_are_named(study, capsys):
    study.write_text(yaml.safe_dump({"model": fakes.model()}))
    colours = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), np.uint8)
    np.savez("colours.npz", x_train=colours, y_train=list("abc") * 10)
    assert cli.main(["describe", str(study), "--data", "npz:colours.npz"]) == 0
    output = capsys.readouterr().out
    assert "x 3; the networks have 3 outputs." in output
    assert "1 -> 3 (channels of the images)" in output


OPEN = {
    "layers": [
        {"conv": {"depth": {"int": [1, 3]}, "out_channels": {"int": [2, 4], "each": True}}},
        *("global_avg_pool", "head"),
    ],
    "optimizer": {"choice": ["adam", {"sgd": {"momentum": {"float": [0.0, 0.9]}}}]},
}


def test_describe_of_a_native_study_takes_the_size_of_its_images(study, capsys):
    data = {"source": "sample", "train_limit": 100}
    study.write_text(yaml.safe_dump({"model": OPEN, "data": data}))
    assert cli.main(["describe", str(study)]) == 0
    output = capsys.readouterr().out
    for text in (
        "Images: 80 of sample train, 28 x 28 x 1; the networks have 10 outputs.",
        *("6 hparams", "conv0.2.out_channels", "3 x (conv 4), global_avg_pool, head 10"),
    ):
        assert text in output


def test_describe_says_which_depths_cannot_be_built(study, capsys):
    halving = {"conv": {"stride": 2, "out_channels": 2, "padding": 0, "depth": {"int": [1, 5]}}}
    model = {"layers": [halving, "global_avg_pool", "head"], "input": [28, 28, 1], "outputs": 10}
    study.write_text(yaml.safe_dump({"model": model, "data": "sample"}))
    assert cli.main(["describe", str(study)]) == 0
    told = "No network was found with conv0.depth 4 or 5 (model.layers.0 (conv0.3): its kernel "
    [line] = [own for own in capsys.readouterr().out.splitlines() if own.startswith("No network")]
    assert line.startswith(told)
    model["layers"][0]["conv"]["stride"] = {"choice": [1, 2]}  # at stride 1 all can
    study.write_text(yaml.safe_dump({"model": model, "data": "sample"}))
    assert cli.main(["describe", str(study)]) == 0
    assert "No network was found" not in capsys.readouterr().out


def test_describe_of_a_native_model_needs_the_size_of_its_images(study, capsys, fail):
    study.write_text(yaml.safe_dump({"model": {"layers": ["flatten", "head"]}}))
    assert "write --set model.input=[28,28,1]" in fail("describe", study)
    sizes = ("--set", "model.input=[4,5,1]", "--set", "model.outputs=3")
    assert cli.main(["describe", str(study), *sizes]) == 0
    assert " 63 " in capsys.readouterr().out


def test_defaults_of_an_open_model_are_said(study):
    study.write_text(yaml.safe_dump({"model": OPEN}))
    text = "conv0.depth=2 conv0.0.out_channels=3 conv0.1.out_channels=3 optimizer=adam"
    assert defaults_text(load_defaults(study)).endswith(f"takes its defaults: {text}")
    closed = load_defaults(study, ["model.optimizer=sgd", "model.lr={float: [0.1, 0.3]}"])
    assert list(closed) == ["conv0.depth", "conv0.0.out_channels", "conv0.1.out_channels", "lr"]
    study.write_text(yaml.safe_dump({"model": fakes.model()}))
    assert not defaults_text(load_defaults(study))


def test_default_out_tells_runs_apart(study, tmp_path):
    config = fakes.study(strategies=("des", "tpe"), seed=3)
    assert str(default_out(config, study)) == "runs/small-des-tpe-seed3"


def test_cache_directory_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HPTJAX_COMPILE_CACHE", "0")
    assert cache_directory() is None
    monkeypatch.setenv("HPTJAX_COMPILE_CACHE", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv("HPTJAX_COMPILE_CACHE")
    path = cache_directory()
    assert path is not None
    assert path.parts[-3:-1] == ("hptjax", "xla")


def test_set_up_gives_a_device_per_core_and_a_cache(tmp_path):
    code = (
        "import json\nfrom hptjax.devices import set_up\nset_up(compile_cache=True)\n"
        "import jax\nprint(json.dumps([jax.device_count(), jax.config.jax_compilation_cache_dir]))"
    )
    environment = {
        **os.environ,
        "HPTJAX_COMPILE_CACHE": str(tmp_path),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "",
    }
    output = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(output.stdout) == [available_cores(), str(tmp_path)]


@pytest.mark.slow
def test_train_learns_saves_and_tests_a_network(study, capsys, tmp_path):
    words = ["--epochs", "2", "--no-augment", "--out", "trained", "--set", "data.train_limit=1000"]
    assert cli.main(["train", str(study), *words]) == 0
    output = capsys.readouterr().out
    assert output.count("epoch ") == 2
    assert "test loss" in output
    config, _ = hptjax.load_best(tmp_path / "trained")
    assert config.to_dict()["batch_size"] == 16
