"""What may stand under `sinks` of a study: one's own classes, with options, opened by the run."""

import sys

import pytest
import yaml

from hptjax.cli import main as cli
from hptjax.config.yaml_file import read_yaml
from hptjax.errors import ConfigError
from hptjax.study import load_study
from tests import fakes
from tests.commands import pretend_training, refused

MINE = '''
from hptjax.config.frozen import Frozen
from hptjax.study.sink import Sink

class Notes(Sink):
    """Notes each generation in a file of the run."""

    class Options(Frozen):
        file: str = "notes.txt"

    def __init__(self, study, folder, options):
        self.title, self.path = ",".join(study.labels), folder / options.file

    @classmethod
    def open(cls, study, folder, options):
        return cls(study, folder, options)

    def __enter__(self):
        self.stream = open(self.path, "a")
        return self

    def __exit__(self, *error):
        self.stream.write("closed\\n")
        self.stream.close()

    def generation(self, record, *, replayed):
        self.stream.write(f"{self.title} {record.generation} {replayed}\\n")

class Plain(Sink):
    seen = []

    def end(self, strategy, reason):
        self.seen.append(strategy)
'''


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a study with these sinks; gives the run directory and the exit code."""
    pretend_training(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "my_sinks.py").write_text(MINE)
    tree = fakes.study(strategies=["random"], budget={"generations": 2}).to_dict()
    path = tmp_path / "small.yaml"

    def run(*words, **changes):
        path.write_text(yaml.safe_dump(tree | {"tensorboard": False} | changes, sort_keys=False))
        return cli.main(["run", str(path), "--out", "out", *words]), tmp_path / "out"

    yield run
    sys.modules.pop("my_sinks", None)


def test_ones_own_sinks_watch_a_run_and_are_closed(run):
    code, out = run(sinks=[{"my_sinks:Notes": {"file": "n.txt"}}, "my_sinks:Plain", "tensorboard"])
    assert code == 0
    assert (out / "n.txt").read_text() == "random 0 False\nrandom 1 False\nclosed\n"
    assert sys.modules["my_sinks"].Plain.seen == ["random"]
    assert (out / "tb").is_dir()
    noted = [{"my_sinks:Notes": {"file": "n.txt"}}, "my_sinks:Plain", "tensorboard"]
    assert read_yaml(out / "config.yaml")["sinks"] == noted
    assert load_study(out).to_dict()["sinks"] == noted


def test_sinks_may_change_where_a_run_goes_on_and_none_are_not_noted(run):
    code, out = run()
    assert code == 0
    assert "sinks" not in read_yaml(out / "config.yaml")
    code, out = run(sinks=["my_sinks:Notes"], budget={"generations": 3})
    assert code == 0
    lines = (out / "notes.txt").read_text().splitlines()
    assert lines == ["random 0 True", "random 1 True", "random 2 False", "closed"]


@pytest.mark.parametrize(
    ("sinks", "text"),
    [
        ("tensorboard", "sinks: must be a list of sinks, got 'tensorboard'"),
        (["tensorbord"], r"sinks\.0: unknown sink 'tensorbord'; did you mean 'tensorboard'"),
        ([{"tensorboard": {"x": 1}}], r"sinks\.0\.tensorboard\.x: unknown key; it takes none"),
        (
            ["tensorboard", "tensorboard"],
            r"sinks\.1: must not repeat a sink, got tensorb",
        ),
        (["pathlib:Path"], r"sinks\.0: pathlib:Path must be a class derived from .*sink\.Sink"),
    ],
)
def test_mistakes_are_named(sinks, text):
    with pytest.raises(ConfigError, match=text):
        fakes.study(sinks=sinks)


def test_a_mistake_is_one_line(run, capsys, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(fakes.study().to_dict() | {"sinks": ["my_sinks:Note"]}))
    assert "sinks.0: my_sinks has no 'Note'; did you mean 'Notes'?" in refused(
        capsys, "run", str(path)
    )
