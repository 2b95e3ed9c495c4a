"""`hptjax watch`: a journal that grows, looked at until the run is finished."""

import re

import pytest
from rich.console import Console

from hptjax.cli import main as cli
from hptjax.cli.watch import show_live
from hptjax.records import GenerationRecord, RunDirectory, Status, TrialRecord
from hptjax.records.journal import Journal
from hptjax.report.status import RunStatus, StrategyStatus, read_status
from hptjax.report.watch import follow, run_seconds_left, seconds_left, spark, watch_view
from hptjax.search import run_study
from tests import fakes

CONFIG = fakes.study(strategies=("random", "tpe"), budget={"generations": 2})


@pytest.fixture
def growing(tmp_path):
    """A run of which the first line is written; and a sleep in which half a line is added."""
    path = tmp_path / "run"
    with RunDirectory(path, CONFIG.to_dict()) as directory:
        run_study(CONFIG, fakes.data(), journal=directory.journal, executor=fakes.FakeExecutor())
    journal = path / "journal.jsonl"
    first, *lines = journal.read_bytes().splitlines(keepends=True)
    halves = iter([half for line in lines for half in (line[:40], line[40:])])
    journal.write_bytes(first)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        with journal.open("ab") as file:
            file.write(next(halves))

    return path, sleep, slept


def record(k=0, wall=12.0, compile_s=2.0, age=2, **changes):
    trial = TrialRecord(
        "random", k, k, (0.5,), {}, value=1.0, told=1.0, epochs={"val_loss": (2.0, 1.0)[:age]}
    )
    ledger = {"wall_s": wall, "compile_s": compile_s, "train_s": 8.0, "member_epochs": 2}
    return GenerationRecord("random", k, (trial,), ledger, **changes)


def strategy(*records, stop=None, **budget):
    return StrategyStatus("random", records, budget, stop)


def render(status, width):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(watch_view("runs/mine", status, width))
    return console.export_text()


def test_follows_a_growing_journal_until_the_run_is_finished(growing):
    path, sleep, slept = growing
    seen = list(follow(path, 0.7, sleep))
    made = [sum(len(s.generations) for s in status.strategies) for status in seen]
    assert made == sorted(made)
    assert set(made) == {0, 1, 2, 3, 4}
    assert [status.finished for status in seen] == [False] * (len(seen) - 1) + [True]
    assert set(slept) == {0.7}


def test_a_journal_that_did_not_change_is_not_read_again(growing, monkeypatch):
    path, sleep, _ = growing
    reads = []
    monkeypatch.setattr(
        "hptjax.report.watch.read_status", lambda p: (reads.append(p), read_status(p))[1]
    )
    states = follow(path, 1.0, lambda seconds: None)
    for _ in range(5):
        next(states)
    assert len(reads) == 1
    sleep(1)
    next(states)
    assert len(reads) == 2


def test_without_a_terminal_each_generation_is_printed_once(growing, capsys):
    path, sleep, _ = growing
    show_live(path, 1.0, Console(width=60, highlight=False), sleep)
    text = capsys.readouterr().out
    assert len(re.findall(r"^random +\d/2", text, re.MULTILINE)) == 6  # 0 to 4 made, finished
    assert "finished in" in text


def test_on_a_terminal_it_is_drawn_in_place(growing):
    path, sleep, _ = growing
    console = Console(width=60, force_terminal=True, file=open("/dev/null", "w"), record=True)  # noqa: SIM115
    show_live(path, 1.0, console, sleep)
    text = console.export_text(styles=True)
    assert "finished in" in text
    assert "\x1b[1A" in text  # the cursor goes up to draw over the former view


def test_once_prints_the_present_state(growing, capsys):
    path, sleep, _ = growing
    while not read_status(path).strategies[0].generations:
        sleep(0)
    assert cli.main(["watch", str(path), "--once"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"random +1/2 .* interrupted", text)  # no process holds the journal
    with Journal(path / "journal.jsonl"):
        assert cli.main(["watch", str(path), "--once"]) == 0
        assert re.search(r"random +1/2 .* running", capsys.readouterr().out)
        assert cli.main(["status", str(path)]) == 0
        assert "running" in capsys.readouterr().out
    assert cli.main(["status", str(path)]) == 0
    assert "interrupted" in capsys.readouterr().out
    assert re.search(r"tpe +0/2 .* waiting", text)
    assert "0 of 2 done" in text
    best = read_status(path).strategies[0].best
    assert f"{best.value:.4f}" in text


@pytest.mark.parametrize("width", [60, 120])
def test_nothing_is_cut_off_but_long_names_and_reasons(width):
    long = TrialRecord("random", 3, 3, (0.5,), {}, status=Status.LOST, reason="gone " * 40)
    lost = GenerationRecord("random", 1, (long,), record().ledger)
    status = RunStatus((strategy(record(), lost, generations=1700, seconds=90000),), 200000)
    lines = render(status, width).splitlines()
    assert all(len(line) <= width for line in lines)
    (row,) = [line for line in lines if line.startswith("random ")]
    assert "2/1700" in row
    assert "1.0000" in row
    (head,) = [line for line in lines if line.startswith("strategy")]
    assert "s/epoch" in head
    assert sum(line.startswith("random/3 lost: gone") for line in lines) == 1


@pytest.mark.parametrize(
    ("made", "budget", "expected"),
    [
        ([], {"generations": 3}, None),
        ([record()], {"generations": 3}, 20.0),  # compiled once
        ([record(), record(1, compile_s=0.0, wall=10.0)], {"generations": 3}, 10.0),
        ([record()], {"generations": 3, "seconds": 15.0}, 3.0),
        ([record()], {"member_epochs": 6}, 20.0),
        ([record()], {"trials": 1}, 0.0),
    ],
)
def test_seconds_left_follow_from_what_was_spent(made, budget, expected):
    assert seconds_left(strategy(*made, **budget)) == expected


def test_strategies_to_come_take_as_long_as_those_begun():
    begun = strategy(record(), generations=3)
    done = strategy(record(), stop="generation budget", generations=1)
    waiting = strategy(generations=3)
    assert run_seconds_left(RunStatus((begun, waiting), 0.0)) == 20.0 + 32.0
    assert run_seconds_left(RunStatus((begun, waiting), 5.0)) == 47.0
    assert run_seconds_left(RunStatus((done, waiting), 0.0)) == 12.0
    assert run_seconds_left(RunStatus((waiting,), 0.0)) is None


def test_bars_rise_with_the_value():
    assert spark([1.0, 4.5, 8.0]) == "▁▅█"
    assert spark([2.0, float("nan"), 2.0]) == "▁ ▁"
    assert spark([]) == ""


def test_mistakes_are_one_line(tmp_path, capsys):
    assert cli.main(["watch", str(tmp_path), "--once"]) == 2
    assert "not a run" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["watch", str(tmp_path), "--every", "never"])
    assert "must be seconds above 0" in capsys.readouterr().err
