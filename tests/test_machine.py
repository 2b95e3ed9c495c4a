"""What the machine allows and what it is: cores within quotas, systems without locks on files."""

import importlib
import io
import os
import sys

import pytest
from loky.backend import context

from hptjax.devices import CORES, available_cores

VERSION_2 = {"cpu.max": "200000 100000"}
VERSION_1 = {"cpu/cpu.cfs_quota_us": "150000", "cpu/cpu.cfs_period_us": "100000"}


@pytest.mark.parametrize(
    ("files", "affinity", "cores"),
    [
        ({}, 64, 64),
        ({}, 3, 3),
        (VERSION_2, 64, 2),
        (VERSION_2, 1, 1),
        ({"cpu.max": "max 100000"}, 64, 64),
        (VERSION_1, 64, 2),
        ({**VERSION_1, "cpu/cpu.cfs_quota_us": "-1"}, 64, 64),
    ],
)
def test_a_quota_and_the_affinity_bound_the_cores(monkeypatch, files, affinity, cores):
    folder, exists = "/sys/fs/cgroup/", os.path.exists
    given = {folder + name: text for name, text in files.items()}

    def there(path):
        return path in given if str(path).startswith(folder) else exists(path)

    for variable in ("LOKY_MAX_CPU_COUNT", CORES):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(context.os.path, "exists", there)
    monkeypatch.setattr(context, "open", lambda path: io.StringIO(given[path]), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
    assert available_cores() == cores


def test_a_system_without_locks_on_files_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.delitem(sys.modules, "hptjax.records.journal", raising=False)
    with pytest.raises(ImportError, match="hptjax runs on Linux and macOS; on Windows") as error:
        importlib.import_module("hptjax.records.journal")
    assert "\n" not in str(error.value)
    assert error.value.__suppress_context__
