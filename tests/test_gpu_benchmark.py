"""The machinery of `experiments.benchmarks.gpu`, on processes that do next to nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from experiments.benchmarks import exactness, gpu, gpu_kernel
from experiments.benchmarks.common import ROOT
from experiments.benchmarks.exact_kinds import KINDS
from experiments.benchmarks.sections import (
    CUT,
    DONE,
    FAILED,
    SKIPPED,
    TOLD,
    Section,
    module_command,
    run_all,
)
from hptjax.models.weights import laid_out, layouts
from hptjax.population import make_plan

HANG = "import time; print('begun', flush=True); time.sleep(60)"


def section(name: str, code: str, seconds: float = 30, least: float = 0) -> Section:
    return Section(name, f"Section {name}", [sys.executable, "-c", code], seconds, least)


def test_each_section_is_written_before_the_next_one_starts(tmp_path):
    out = tmp_path / "to" / "report"
    last = f"import json; print(len(json.load(open({str(out) + '.json'!r}))['sections']))"
    run = [
        section("a", 'print("a table"); print(\'{"rate": 2}\')'),
        section("b", "import sys; print('half of it'); sys.exit('it broke')"),
        section("c", "import sys; print('left out: a peer', file=sys.stderr)"),
        section("d", HANG, seconds=0.5),
        section("e", "print('never')", least=1e6),
        section("f", last),
    ]
    outcomes = run_all(run, 60, "A run", out, closing=lambda known: [f"so far {len(known)}"])
    assert [own.state for own in outcomes] == [DONE, FAILED, DONE, CUT, SKIPPED, DONE]
    assert outcomes[0].data == [{"rate": 2}]
    assert outcomes[0].text == ["a table"]
    assert outcomes[1].reason == "ended with 1: it broke"
    assert outcomes[1].text == ["half of it"]
    assert outcomes[2].text == ["left out: a peer"]
    assert outcomes[3].text == ["begun"]
    assert outcomes[4].reason.startswith("needs 1000000 s, ")
    assert outcomes[5].text == ["5"]
    text = out.with_suffix(".md").read_text()
    assert "| Section b | failed: ended with 1: it broke |" in text
    assert text.endswith("so far 6\n")
    assert "never" not in text
    tree = json.loads(out.with_suffix(".json").read_text())
    assert [own["name"] for own in tree["sections"]] == list("abcdef")


def test_what_is_left_decides_what_is_started(tmp_path):
    run = [section("a", HANG, seconds=30), section("b", "print(1)", least=0.1)]
    outcomes = run_all(run, 0.4, "A run", tmp_path / "report")
    assert [own.state for own in outcomes] == [CUT, SKIPPED]
    assert outcomes[1].reason == "needs 0 s, 0 s are left"


def test_a_signal_loses_only_the_section_that_runs(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    timer = threading.Timer(0.4, os.kill, [os.getpid(), signal.SIGTERM])
    timer.start()
    run = [section("a", "print('kept')"), section("b", HANG), section("c", "print(3)")]
    begin = time.monotonic()
    outcomes = run_all(run, 60, "A run", tmp_path / "report")
    timer.join()
    assert time.monotonic() - begin < 20
    assert [own.state for own in outcomes] == [DONE, CUT, SKIPPED]
    assert {own.reason for own in outcomes[1:]} == {TOLD}
    assert "kept" in (tmp_path / "report.md").read_text()
    assert signal.getsignal(signal.SIGTERM) is before


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_a_section_that_is_cut_leaves_no_process_behind(tmp_path):
    code = "import subprocess, time; p = subprocess.Popen(['sleep', '60']);"
    code += "print(p.pid, flush=True); time.sleep(60)"
    (outcome,) = run_all([section("a", code, seconds=1)], 60, "A run", tmp_path / "report")
    assert gone(int(outcome.text[0]))


@pytest.mark.slow
def test_a_section_ends_with_its_caller():
    command = [*module_command("sections")[:3], "http.server", "0", "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        time.sleep(0.5)
        assert process.poll() is None
        process.communicate(timeout=30)  # closes its standard input
    finally:
        process.kill()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("benchmark", [gpu, gpu_kernel])
def test_an_unknown_section_is_named(benchmark, tmp_path, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["--only", "machine,foo", "--out", str(tmp_path / "report")])
    assert "'foo'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("quick", [True, False])
def test_sections_fit_in_the_time(quick):
    sections = gpu.sections(device="cuda", quick=quick)
    assert [own.name for own in sections] == list(gpu.TITLES)
    assert sum(own.least for own in sections) < 540
    assert all(own.least <= own.seconds for own in sections)


@pytest.mark.slow
def test_exactness_holds_here(tmp_path, monkeypatch):
    monkeypatch.setattr(exactness, "trained", cache(exactness.trained))  # compiled once for both
    exactness.reference(["linear"], tmp_path / "cpu.npz", 1)
    cpu = dict(np.load(tmp_path / "cpu.npz"))
    ran = {way: exactness.trained("linear", way=way) for way in exactness.WAYS}
    found = exactness.figures("linear", ran, cpu)
    assert found["holds"], found
    assert found["cpu"] == found["dead"] == found["wild"] == 0
    assert found["moved"] > 1000 * exactness.TOLERANCE
    off = {name: values + 1e-3 for name, values in cpu.items()}
    assert not exactness.figures("linear", ran, off)["holds"]


def test_a_kind_that_fails_leaves_the_others(capsys):
    def breaks() -> exactness.Trained:
        raise ZeroDivisionError("division by zero")

    with ThreadPoolExecutor(1) as pool:
        broken, cpu = pool.submit(breaks), pool.submit(dict)
        row = exactness._row_of(pool, "bands", {"alone": broken}, cpu)
    assert row == {"kind": "bands", "holds": False, "error": "division by zero"}
    assert "bands: ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_a_narrow_network_of_each_kind_has_padding_in_the_common_body(kind):
    members = exactness.members_of(kind)
    (body,) = make_plan([member.config for member in members], max_bodies=1).bodies
    narrow, wide = (layouts(member.shape)[0].size for member in members[:2])
    assert 2 * narrow < layouts(body)[0].size
    assert wide == layouts(body)[0].size


def test_exactness_sees_what_is_not_exact():
    members = exactness.members_of("bands")[:2]
    (body,) = make_plan([member.config for member in members], max_bodies=1).bodies
    for kind in (0, 1):
        padded, true = layouts(body)[kind], layouts(members[0].shape)[kind]
        live = laid_out(np.ones(true.size, np.float32), true, padded)
        assert exactness._dead(live, padded, true) == 0
        ones = np.ones(padded.size + 3, np.float32)
        assert exactness._dead(ones, padded, true) == padded.size + 3 - true.size
    some = {"params": np.zeros((2, 4)), "age": np.zeros(2)}
    assert exactness._apart(some, {"params": np.full((2, 3), 0.5), "age": np.zeros(2)}) == 0.5
    assert exactness._apart(some, {**some, "age": np.array([0, np.nan])}) == float("inf")
