"""Damaged and hostile run directories: the same result, or one line; never another, no traceback.

Bits are flipped in every file of a run, and run directories are made up whose checksums hold.
"""

import copy
import json
import os
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest

from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.executors.snapshot_files import KIND
from hptjax.records import RunDirectory, load_network, load_run, save_best
from hptjax.records.best import flatten
from hptjax.records.environment import environment, note_environment, read_environments
from hptjax.records.journal import encode_line, read_journal
from hptjax.records.tensors import read_tensors, write_tensors
from hptjax.report.sources import read_source
from hptjax.report.status import read_status, status_notes, status_table
from hptjax.report.tables import write_tables
from hptjax.report.watch import watch_view
from hptjax.search import run_study
from hptjax.search.network import notes
from hptjax.study import StudyConfig
from hptjax.study.warm_start import warm_started
from tests import fakes

FLIPS, HOSTILE = 300, 300
CONFIG = fakes.study(strategies=("random",), population_size=3, budget={"generations": 2})
WARM = fakes.study(warm_start={"run": "run"})
DIGESTS = {"train": "ab", "validation": "cd"}
FACTS = {"processor": "one", "kernels": True}
JOURNAL, BEST = "journal.jsonl", "best/weights.safetensors"
SNAPSHOTS = ("snapshots/a.safetensors", "snapshots/b.safetensors")


class Stop(Exception):
    pass


class Stopping(fakes.FakeExecutor):
    """Breaks down in the second epoch of the second generation."""

    def epoch(self, members, age):
        if age == 1 and len(self.log) > 4:
            raise Stop
        return super().epoch(members, age)


def resumed(folder, executor=None):
    """The trials of `hptjax run`, without what it writes for others to read."""
    with RunDirectory(folder, CONFIG.to_dict()) as directory:
        note_environment(folder, environment(["cpu:0"], kernels=True, packages=()))

        def on_best(trial, variables):
            config = ModelConfig.from_dict(trial.config)
            save_best(directory.best, config, variables, notes(trial, CONFIG, DIGESTS))

        trainer = executor or fakes.FakeExecutor()
        trainer.rounding = lambda: FACTS
        result = run_study(
            CONFIG,
            fakes.data(),
            journal=directory.journal,
            on_best=on_best,
            executor=trainer,
            snapshots=folder / "snapshots",
        )
        write_tables(result, folder)
    return result.trials


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr("hptjax.executors.snapshots.COST_SHARE", float("inf"))


@pytest.fixture
def whole(tmp_path):
    """The trials of an undisturbed run, and a run that broke down after two generations' half."""
    trials = resumed(tmp_path / "whole")
    with pytest.raises(Stop):
        resumed(tmp_path / "base", Stopping())
    write_tables(load_run(tmp_path / "base"), tmp_path / "base")
    assert all((tmp_path / "base" / name).is_file() for name in (JOURNAL, BEST, SNAPSHOTS[0]))
    return trials


def copied(tmp_path):
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    return shutil.copytree(tmp_path / "base", tmp_path / "run")


def attempt(read, *arguments):
    """What it gives, None where it refuses in one line."""
    try:
        return read(*arguments)
    except ConfigError:
        return None


def network_of(folder):
    network = load_network(folder)
    return (
        network.config,
        network.trial,
        sorted((name, array.tobytes()) for name, array in flatten(network.variables).items()),
    )


@pytest.mark.slow
def test_a_flipped_bit_never_gives_another_result(tmp_path, whole):
    generator = random.Random(5)
    base = tmp_path / "base"
    files = sorted(path.relative_to(base) for path in base.rglob("*") if path.is_file())
    assert len(files) == 9
    best, status = network_of(base), read_status(base).strategies[0]
    refused = 0
    for number in range(FLIPS):
        folder = copied(tmp_path)
        path = folder / files[number % len(files)]
        content = bytearray(path.read_bytes())
        place, bit = generator.randrange(len(content)), generator.randrange(8)
        content[place] ^= 1 << bit
        path.write_bytes(content)
        at = f"{path}, byte {place}, bit {bit}"
        assert attempt(network_of, folder) in (None, best), at
        found = attempt(read_status, folder)
        if found is not None:  # the last line, if damaged, counts as one that a kill tore
            (seen,) = found.strategies
            assert seen.generations == status.generations[: len(seen.generations)], at
            assert replace(seen, generations=status.generations) == status, at
        known = attempt(load_run, folder)
        assert known is None or known.trials == whole[: len(known.trials)], at
        read_environments(folder)
        trials = attempt(resumed, folder)
        assert trials in (None, whole), at
        refused += trials is None
        assert trials is not None or path.name == JOURNAL, at
    assert 0 < refused < FLIPS / 3


def shown(folder):
    """What `status` and `watch` show."""
    status = read_status(folder)
    return status_table(status), list(status_notes(status)), watch_view("x", status, 100)


def retrained(folder):
    """What `export --trial` begins with."""
    result = load_run(folder)
    networks = [trial.config for trial in result.trials if trial.config is not None]
    return StudyConfig.from_dict(result.config), list(map(ModelConfig.from_dict, networks))


ODD = (None, True, -1, 0, 10**30, 1e308, "", "x", "../..", [], [[]], {}, {"a": 1}, ["x"] * 3)


def places(tree, path=()):
    """All paths of a tree of mappings and lists, its root left out."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def mutate(tree, generator):
    """A tree with one value changed, left out, or one more in it."""
    tree = copy.deepcopy(tree)
    *parents, last = generator.choice(list(places(tree)))
    owner = tree
    for key in parents:
        owner = owner[key]
    way = generator.randrange(3)
    if way == 0:
        del owner[last]
    elif way == 1 and isinstance(owner, dict):
        owner["another"] = generator.choice(ODD)
    else:
        owner[last] = generator.choice(ODD)
    return tree


def altered_records(folder, generator):
    records, _ = read_journal(folder / JOURNAL)
    k = generator.randrange(len(records))
    records[k] = mutate(records[k], generator)
    (folder / JOURNAL).write_bytes(b"".join(map(encode_line, records)))


def shuffled_records(folder, generator):
    records, _ = read_journal(folder / JOURNAL)
    way = generator.randrange(3)
    if way == 0:
        generator.shuffle(records)
    elif way == 1:
        records.append(generator.choice(records))
    else:
        del records[generator.randrange(len(records))]
    (folder / JOURNAL).write_bytes(b"".join(map(encode_line, records)))


def another_version(folder, generator):
    records, _ = read_journal(folder / JOURNAL)
    records[0]["version"] = generator.choice([*ODD, 1, 2, 4])
    (folder / JOURNAL).write_bytes(b"".join(map(encode_line, records)))


def altered_notes(folder, generator):
    name = generator.choice([BEST, *SNAPSHOTS])
    kind = "network" if name == BEST else KIND
    if (folder / name).exists():
        arrays, facts = read_tensors(folder / name, kind)
        write_tensors(folder / name, arrays, mutate(facts, generator), kind)


def altered_config(folder, generator):
    path = folder / generator.choice(["environment.json", "best/config.yaml", "config.yaml"])
    tree = generator.choice([*ODD, "{", "[" * 10**4, "a: [", "\x00", "!!python/object:os.system x"])
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))


def another_file(folder, generator):
    """Something else in the place of a file or a folder."""
    names = [JOURNAL, BEST, *SNAPSHOTS, "best/config.yaml", "config.yaml", "environment.json"]
    path = folder / generator.choice([*names, "trials.csv", "best", "snapshots"])
    content = path.read_bytes() if path.is_file() else b""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    way = generator.randrange(6)
    if way == 0:
        path.mkdir()
    elif way == 1:
        path.symlink_to(path)
    elif way == 2:
        path.write_bytes(content[: generator.randrange(len(content) + 1)])
    elif way == 3:
        path.write_bytes(generator.randbytes(200))
    elif way == 4:
        path.write_bytes(b"\xff\xfe" + content)


ATTACKS = (
    *(altered_records,) * 4,
    shuffled_records,
    another_version,
    altered_notes,
    altered_config,
    *(another_file,) * 2,
)


@pytest.mark.slow
def test_a_hostile_run_directory_is_refused_in_one_line_or_read(tmp_path, whole, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = random.Random(6)
    outcomes = []
    for number in range(HOSTILE):
        folder = copied(tmp_path)
        attack = ATTACKS[number % len(ATTACKS)]
        attack(folder, generator)
        readers = (shown, retrained, network_of, read_source, read_environments)
        for read in readers:
            attempt(read, folder)
        attempt(warm_started, WARM)
        outcomes.append(attempt(resumed, folder) == whole)
    assert HOSTILE / 10 < np.sum(outcomes) < HOSTILE * 9 / 10
