"""What the command line prints: text as it is, whatever it holds, and no longer than it is read."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from rich.console import Console

from hptjax import Model, __version__
from hptjax.cli import main as cli
from hptjax.cli.describe import layers_table
from hptjax.models.costs import network_costs
from hptjax.models.summary import layer_rows
from hptjax.records import GenerationRecord, Status, TrialRecord
from hptjax.records.goal import Goal
from hptjax.report.console import leaderboard, summary_table
from hptjax.report.progress import ProgressBars, ProgressLines
from hptjax.report.status import RunStatus, StrategyStatus, status_table
from hptjax.report.terminal import make_console
from hptjax.report.watch import watch_view

EVIL = "[red]x[/b][link=http:a]\x1b[31m:smile:"
PLAIN = EVIL.replace("\x1b", r"\x1b")
LEDGER = {"wall_s": 1.0, "compile_s": 0.0, "train_s": 1.0, "member_epochs": 1, "samples": 1}


def record():
    trial = TrialRecord(
        EVIL, 0, 0, (0.5,), {EVIL: EVIL}, value=None, status=Status.LOST, reason=EVIL
    )
    return GenerationRecord(EVIL, 0, (trial,), LEDGER)


def rendered(*things, console=None):
    console = console or Console(width=200, file=io.StringIO())
    for thing in things:
        console.print(thing)
    return console.file.getvalue()


def test_tables_show_text_as_it_is_in_any_console():
    status = RunStatus((StrategyStatus(EVIL, (record(),), {}, EVIL),), 0.0)
    tables = (
        leaderboard(record().trials, Goal(EVIL)),
        summary_table([record()], {EVIL: EVIL}, Goal(EVIL)),
        status_table(status),
        watch_view(EVIL, status, 200),
    )
    for table in tables:
        text = rendered(table)
        assert "\x1b" not in text
        joined = re.sub(r"[\s│┃|]", "", text)
        assert r"[/b][link=http:a]\x1b[31m:smile:" in joined


def test_the_seconds_of_a_search_are_told_from_those_of_compiling():
    def told(compile_s):
        ledger = {**LEDGER, "wall_s": 9.0, "compile_s": compile_s}
        return rendered(summary_table([replace(record(), ledger=ledger)], {EVIL: "x"}, Goal()))

    text = told(2.5)
    assert "s without" in text
    assert re.findall(r"\d\.\d", text) == ["1.0", "2.5", "6.5", "2.5"]
    assert "Compiling took 2.5 s more, which a budget of seconds counts." in text
    assert "Compiling took" not in told(0.0)


def test_describe_of_a_model_shows_its_layers_at_80_columns():
    long = {"linear": {"label": "of_a_long_name" * 3, "out_features": 12, "depth": 2}}
    layers = ["max_pool", "flatten", long, "head"]
    model = Model(layers=layers, input=(28, 28, 1), outputs=10)
    console = Console(width=80, file=io.StringIO())
    lines = rendered(layers_table(model), console=console).splitlines()
    assert max(map(len, lines)) <= 80
    rows = [[cell.strip() for cell in line.split("│")] for line in lines if line.startswith("│")]
    told = [row[2:-1] for row in rows if row[-2]]
    assert told == [list(row[1:]) for row in layer_rows(model)]
    assert told[0] == ["max_pool", "14 x 14 x 1", "0"]
    assert sum(int(row[-1].replace(",", "")) for row in told) == network_costs(model).parameters


def test_the_console_of_the_commands_shows_text_as_it_is():
    assert rendered(EVIL, console=make_console(io.StringIO())) == PLAIN + "\n"


def test_progress_shows_text_as_it_is():
    stream = io.StringIO()
    lines = ProgressLines(stream)
    lines.begin(EVIL, 1)
    lines.generation(record(), replayed=False)
    lines.message(f"a\n{EVIL}")
    lines.end(EVIL, EVIL)
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 4
    file = io.StringIO()
    console = Console(file=file, width=200, force_terminal=True, no_color=True)
    with ProgressBars(console) as bars:
        bars.begin(EVIL, 1)
        bars.generation(record(), replayed=False)
        bars.message(EVIL)
        bars.end(EVIL, EVIL)
    assert PLAIN in file.getvalue()
    assert "\x1b[31m" not in file.getvalue()


def test_an_error_shows_text_as_it_is(capsys, tmp_path):
    assert cli.main(["status", str(tmp_path / EVIL)]) == 2
    error = capsys.readouterr().err
    assert PLAIN in error
    assert error.count("\n") == 1


def test_version_and_help(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"hptjax {__version__}\n"
    for words in ([], ["help"]):
        assert cli.main(words) == 0
        assert "search the space of a study" in capsys.readouterr().out
    assert cli.main(["help", "status"]) == 0
    assert "usage: hptjax status" in capsys.readouterr().out


def test_list_names_what_a_config_may_hold(capsys):
    assert cli.main(["list"]) == 0
    text = capsys.readouterr().out
    for word in ("quickstart", "evosax.<name>", "npz:<path>", "hyperband"):
        assert word in text
    assert cli.main(["list", "searchers"]) == 0
    text = capsys.readouterr().out
    for word in ("des ", "optuna.<name>", "evosax.CMA_ES", "optuna.TPESampler"):
        assert word in text
    assert cli.main(["list", "searchers", "optuna.<name>"]) == 0
    assert "optuna.TPESampler" in capsys.readouterr().out
    assert cli.main(["list", "sources", "npz:a.npz"]) == 0
    assert capsys.readouterr().out.endswith("data: {source: 'npz:a.npz'}\n")
    assert cli.main(["list", "searchers", "des"]) == 0
    assert "preset: release" in capsys.readouterr().out
    assert cli.main(["list", "schedules", "halving"]) == 0
    options = "name: halving\nreduction: 3  # integer >= 2\nfirst: 1  # integer >= 1\n"
    assert capsys.readouterr().out.endswith(options)
    assert cli.main(["list", "augmentations", "crop"]) == 0
    assert capsys.readouterr().out.endswith(
        "name: crop\npadding: REQUIRED  # integer >= 1 and <= 4096; `crop: VALUE` sets it\n"
    )
    assert cli.main(["list", "layers", "conv"]) == 0
    printed = capsys.readouterr().out
    assert "\nconv:\n  out_channels: REQUIRED  # integer >= 1; padded; `conv: VALUE` se" in printed
    assert "\n  norm: none  # of `hptjax list norms`; static\n" in printed
    assert cli.main(["list", "layers", "flax"]) == 0
    assert "\nmodel: {flax: {module: 'my_nets:Net', " in capsys.readouterr().out
    assert cli.main(["list", "augmentations", "original"]) == 0
    assert "\ndata: {augment: [original]}  # takes no" in capsys.readouterr().out
    assert cli.main(["list", "searchers", "grif"]) == 2
    assert "searchers: there is no 'grif'; did you mean 'grid'?" in capsys.readouterr().err
    assert cli.main(["list", "configs", "quickstart"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# All four strategies on the packaged sample images")
    assert max(map(len, printed.splitlines())) > 80  # no line is broken


def test_a_list_of_configs_has_whole_sentences(capsys):
    cli.main(["list", "configs"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "Nesterov momentum, the learning rate, and its polynomial decay quickstart" in printed


def test_a_config_that_is_listed_can_be_used(capsys, tmp_path, monkeypatch):
    cli.main(["list", "configs", "quickstart"])
    (tmp_path / "mine.yaml").write_text(capsys.readouterr().out)
    monkeypatch.chdir(tmp_path)
    from hptjax.study import load_study

    assert load_study("mine.yaml") == load_study("quickstart")


def test_completion_is_printed(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--print-completion", "bash"])
    assert "hptjax" in capsys.readouterr().out


def hptjax(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "hptjax", *words],
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_closed_pipe_ends_a_command_that_only_prints_in_silence():
    read, write = os.pipe()
    os.close(read)
    process = hptjax("list", "configs", stdout=write)
    os.close(write)
    assert process.communicate()[1] == ""
    assert process.returncode == 141


def test_a_closed_standard_output_is_nowhere():
    code = f"exec {sys.executable} -m hptjax list configs >&-"
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_standard_output_is_one_line():
    with open("/dev/full", "w") as full:
        process = hptjax("list", "configs", stdout=full)
    assert "No space left on device" in process.communicate()[1]
    assert process.returncode == 2


SLEEPER = """
import sys, time
from hptjax.cli import main as cli
from hptjax.cli import training

def handler(args):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("ending", flush=True)
        time.sleep(float(sys.argv[1]))

training._run = handler
cli.set_up = lambda **options: None
cli.main.__defaults__ = (["run", "x"], None)
sys.exit(cli.entry())
"""


def stopped(*signals, wait="0"):
    """Exit code and last words of a run that gets these signals, one after another."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, wait],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for number, word in zip(signals, ("ready", "ending"), strict=False):
        assert process.stdout.readline() == f"{word}\n"
        process.send_signal(number)
    return process.wait(30), process.stderr.read()


def test_ctrl_c_and_sigterm_say_how_to_go_on():
    hint = "; run the same command again to go on\n"
    assert stopped(signal.SIGINT) == (130, f"hptjax: interrupted{hint}")
    assert stopped(signal.SIGTERM) == (143, f"hptjax: terminated{hint}")


def test_a_second_ctrl_c_ends_at_once_with_the_same_line():
    hint = "; run the same command again to go on\n"
    began = time.monotonic()
    assert stopped(signal.SIGINT, signal.SIGINT, wait="50") == (130, f"hptjax: interrupted{hint}")
    assert time.monotonic() - began < 40
