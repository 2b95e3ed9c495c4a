"""What is read back of a run is of this version and form, or one line says what is not."""

import copy

import pytest

from hptjax.cli import main as cli
from hptjax.errors import ConfigError, DataError
from hptjax.records import RunDirectory, load_run
from hptjax.records.journal import encode_line, read_journal
from hptjax.records.reader import VERSION, read_run
from hptjax.report.sources import read_source
from hptjax.report.status import read_status
from hptjax.search import run_study
from hptjax.study.warm_start import warm_started
from tests import fakes

CONFIG = fakes.study(strategies=("random",), budget={"generations": 2}, tensorboard=False)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    with RunDirectory(folder, CONFIG.to_dict()) as directory:
        run_study(CONFIG, fakes.data(), journal=directory.journal, executor=fakes.FakeExecutor())
    return read_journal(folder / "journal.jsonl")[0]


@pytest.fixture
def written(tmp_path, records):
    """Writes the journal of a run with one line changed; gives its directory."""

    def write(line, change):
        changed = copy.deepcopy(records)
        change(changed[line])
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        (folder / "journal.jsonl").write_bytes(b"".join(map(encode_line, changed)))
        return folder

    return write


def resume(folder):
    with RunDirectory(folder, CONFIG.to_dict()) as directory:
        run_study(CONFIG, fakes.data(), journal=directory.journal, executor=fakes.FakeExecutor())


def warm_start(folder):
    return warm_started(fakes.study(warm_start={"run": str(folder)}))


READERS = (resume, read_run, load_run, read_status, read_source, warm_start)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("version", [1, 2, VERSION + 1, None, "3"])
def test_another_version_is_named_by_all_who_read(written, read, version):
    folder = written(0, lambda header: header.update(version=version))
    wanted = rf"run/journal.jsonl: written by another version .* \(journal version {version!r}"
    with pytest.raises(ConfigError, match=wanted):
        read(folder)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("line", "change", "text"),
    [
        (0, lambda r: r.pop("version"), "another version"),
        (0, lambda r: r.update(kind="report"), "does not begin with the header"),
        (0, lambda r: r.pop("config"), "lacks the key config"),
        (0, lambda r: r["config"].pop("budget"), "config.budget"),
        (0, lambda r: r["config"].update(strategies=[{"label": "a"}]), "config.strategies"),
        (0, lambda r: r["config"].update(seed="1"), "config.seed"),
        (2, lambda r: r.pop("cut"), "a generation lacks the key cut"),
        (2, lambda r: r.update(more=1), "unknown key more"),
        (2, lambda r: r.pop("kind"), "unknown or misplaced kind"),
        (2, lambda r: r.update(kind="study"), "unknown or misplaced kind"),
        (2, lambda r: r["trials"][0].pop("key"), "a trial lacks the key key"),
        (2, lambda r: r["trials"][0].update(number="0"), "trials.0.number"),
        (2, lambda r: r["trials"][0].update(status="well"), "trials.0.status"),
        (2, lambda r: r["trials"][0].update(value=True), "trials.0.value"),
        (2, lambda r: r["trials"][0]["epochs"].pop("val_loss"), "other names or lengths"),
        (2, lambda r: r["trials"][0]["epochs"]["val_loss"].pop(), "other names or lengths"),
        (2, lambda r: r["trials"][0].update(strategy="tpe"), "of another strategy"),
        (2, lambda r: r["trials"][0].update(hparams={"lr": [1]}), "no plain value"),
        (2, lambda r: r.update(trials=[]), "trials: must not be empty"),
        (2, lambda r: r.update(trials=7), "TypeError"),
        (2, lambda r: r["ledger"].pop("train_s"), "lacks the key train_s"),
        (4, lambda r: r.pop("budget"), "budget"),
        (4, lambda r: r.update(budget=3), "budget"),
    ],
)
def test_another_form_is_named_by_all_who_read(written, read, line, change, text):
    with pytest.raises(ConfigError) as caught:
        read(written(line, change))
    assert text in str(caught.value)
    assert "journal.jsonl" in str(caught.value)
    assert "another --out" in str(caught.value)


def test_nothing_recorded_is_said(tmp_path):
    (tmp_path / "journal.jsonl").write_bytes(b"")
    with pytest.raises(ConfigError, match="nothing is recorded yet"):
        read_status(tmp_path)
    (tmp_path / "journal.jsonl").unlink()
    (tmp_path / "journal.jsonl").mkdir()
    for read in READERS:
        with pytest.raises(ConfigError, match=r"journal\.jsonl"):
            read(tmp_path)


def test_the_budget_of_the_last_call_is_in_the_journal(written, tmp_path):
    folder = written(0, lambda header: None)
    larger = CONFIG.model_copy(update={"budget": fakes.study(budget={"trials": 40}).budget})
    assert read_status(folder).finished
    with RunDirectory(folder, larger.to_dict()):
        pass
    (folder / "config.yaml").unlink()  # people read it, no command counts on it
    (status,) = read_status(folder).strategies
    assert (status.stop, status.budget) == (None, {"trials": 40})


@pytest.mark.parametrize("words", [["status"], ["watch", "--once"], ["report"]])
def test_commands_say_it_in_one_line(written, words, capsys, tmp_path):
    folder = written(0, lambda header: header.update(version=2))
    assert cli.main([*words, str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "journal version 2, this one reads 3" in error


def test_what_stands_in_the_way_of_a_file_is_said_before_training(tmp_path):
    for name, make in (("trials.csv", "mkdir"), ("snapshots", "touch"), ("best", "touch")):
        folder = tmp_path / name / "run"
        with RunDirectory(folder, CONFIG.to_dict()):
            getattr(folder / name, make)()
        with pytest.raises(ConfigError, match=f"run/{name}: must be a"):
            RunDirectory(folder, CONFIG.to_dict())


def test_damage_is_a_data_error(written):
    folder = written(0, lambda header: None)
    journal = folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"number":1', b'"number":7', 1))
    with pytest.raises(DataError, match="line 3: checksum"):
        read_run(folder)
