"""Hostile arguments and configs: each command ends with 0, or with 2 and one line."""

import random

import pytest

from hptjax.cli import main as cli
from hptjax.config.yaml_file import dump_yaml
from tests import fakes

EXECUTOR = "hptjax.executors.local.local_executor"
LEAVES = (
    *(None, True, -1, 0, 1, 3, 10**20, 10**400, 1e308, float("nan"), float("inf"), 0.5, ""),
    *("x", "..", "a\nb", "\x1b[31m", "[/b]", "$HOME", "~nobody/x", "/dev/zero", "=1", "010", "\0"),
    *([], {}, [[]], [None], {"": None}, {"name": ["a"]}, {"name": None}, {1: 2}, ["des", 3], "ray"),
    *({"name": "des", "foo": 1}, {"name": "random", "foo": 1}, {"name": "halving", "first": 10**9}),
    *({"type": "loguniform"}, {"type": "float", "low": 1, "high": "x"}, {"choices": [[], {}]}),
    *("x" * 5000, ["x"] * 3, [{"name": "grid", "order": 3}], {"low": {}, "high": []}),
)
KEYS = (
    *("model", "space", "data", "strategies", "population_size", "budget", "epochs", "schedule"),
    *(
        "repeats",
        "seed",
        "metric",
        "max_failures",
        "first",
        "warm_start",
        "executor",
        "tensorboard",
    ),
    *("model.lr", "model.mlp_config.block_list", "model.mlp_config.block_list.0", "model.img_key"),
    *("data.source", "data.train_limit", "data.validation_fraction", "data.data_dir"),
    *("space.lr", "space.lr.low", "space.foo", "space.mlp_bn_l0.choices", "strategies.0"),
    *("strategies.0.label", "strategies.0.x.y", "strategies." + "9" * 5000, "strategies.-1"),
    *(
        "budget.seconds",
        "budget.trials",
        "budget.x",
        "schedule.name",
        "executor.name",
        "executor.x",
    ),
    *("warm_start.run", "warm_start.best", "first.0", "first.0.lr", "a..b", "", "learning_rate"),
)
OPTIONS = (
    *("--strategy", "--data", "--data-dir", "--epochs", "--seed", "--schedule", "--generations"),
    *("--population-size", "--time-budget", "--warm-start", "--best", "--executor", "--address"),
    *("--workers", "--resources", "--set", "--no-such"),
)
PATHS = ("small.yaml", "nosuch", "", ".", "..", "/dev/zero", "/dev/null", "bin", "\0", "x" * 5000)
PATHS += ("~nobody", "small.yaml/x", "run", "quickstart", "[/b]", "space_small", "deep", "-")
TREE = {
    "model": fakes.model(),
    "space": fakes.SPACE.to_dict(),
    "data": {"source": "sample", "train_limit": 100},
    "strategies": ["random", {"name": "tpe", "label": "mine"}],
    "population_size": 4,
    "tensorboard": False,
}


class Reached(Exception):
    """The command would train now: everything about it was accepted."""


@pytest.fixture
def attack(tmp_path, monkeypatch, capsys):
    """Runs a command, which must end as promised; nothing is trained."""

    def stop(*parts, **options):
        raise Reached

    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    monkeypatch.setattr("hptjax.tuning.running.execute", stop)
    monkeypatch.setattr("hptjax.cli.train.prepare_data", stop)
    monkeypatch.setattr("hptjax.cli.describe.make_plan", stop)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(dump_yaml(TREE))
    (tmp_path / "bin").write_bytes(bytes(range(256)))
    (tmp_path / "deep").write_text("[" * 3000)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.jsonl").write_text("{}\n" * 3)
    (tmp_path / "run" / "config.yaml").write_text("strategies: 3")

    def run(*words):
        try:
            code = cli.main([str(word) for word in words])
        except Reached:
            code = 0
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            pytest.fail(f"{str(words)[:300]}: {error!r}"[:600])
        error = capsys.readouterr().err
        assert code in (0, 2), words
        assert error.count("\n") == (code == 2), (words, error)
        assert len(error) < 3000, (words, error)
        assert error.isprintable() or error.replace("\n", "", 1).isprintable(), (words, error)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "train", "describe"])
def test_hostile_changes_of_a_config(attack, command):
    rng = random.Random(command)
    for _ in range(120):
        changes = [(rng.choice(KEYS), rng.choice(LEAVES)) for _ in range(rng.choice((1, 1, 2)))]
        words = [word for k, v in changes for word in ("--set", f"{k}={dump_yaml(v, flow=True)}")]
        attack(command, "small.yaml", *words)


@pytest.mark.parametrize("command", ["run", "describe"])
def test_hostile_configs(attack, command, tmp_path):
    rng = random.Random(command)
    for _ in range(60):
        tree = {
            **TREE,
            rng.choice(KEYS): rng.choice(LEAVES),
            rng.choice([*TREE]): rng.choice(LEAVES),
        }
        (tmp_path / "hostile.yaml").write_text(dump_yaml(tree), encoding="utf-8")
        attack(command, "hostile.yaml")


def test_hostile_options(attack):
    rng = random.Random(0)
    for _ in range(150):
        words = [rng.choice(OPTIONS), dump_yaml(rng.choice(LEAVES), flow=True)]
        attack(rng.choice(("run", "train")), rng.choice(("small.yaml", "model")), *words)


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_hostile_paths(attack, path):
    for command in ("run", "train", "describe", "status", "report", "evaluate", "help", "list"):
        attack(command, path)
    attack("watch", path, "--once")
    attack("export", path, "--to", "a.safetensors")
    attack("export", path, "--trial", path, "--to", path)
    attack("evaluate", path, "--data", path, "--data-dir", path)
    attack("run", "small.yaml", "--warm-start", path)
    attack("run", "small.yaml", "--data", f"npz:{path}", "--set", f"model={path}")
    attack("list", "configs", path)
    attack(path)
