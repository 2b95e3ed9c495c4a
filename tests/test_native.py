"""The CPU kernels: compiled once, loaded only if unchanged, and never an obstacle."""

import os
import shutil
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import pytest

from hptjax.ops import library, native
from hptjax.ops.conv import conv

SYMBOL = "of_a_kernel"


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A machine that has compiled nothing yet; what it compiles is one small function."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "kernel.cc").write_text(f'extern "C" int {SYMBOL}() {{ return 7; }}\n')
    monkeypatch.setattr(library, "SOURCES", sources)
    monkeypatch.setattr(library, "_cache_folder", lambda: tmp_path / "kernels")
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path / "kernels"


@pytest.fixture
def compiled(fresh):
    """The same machine after its first compilation: returns the path of the library."""
    if library._compiler() is None:
        pytest.skip("this machine has no C++ compiler")
    assert library.load([SYMBOL]) is not None
    (path,) = fresh.iterdir()
    return path


def program(tmp_path, content):
    path = tmp_path / "program"
    path.write_bytes(content)
    path.chmod(0o755)
    return str(path)


MISTAKES = {
    "fails": (b"#!/bin/sh\necho 'kernel.cc: error: no' >&2\nexit 1\n", "kernel.cc: error: no"),
    "fails without a word": (b"#!/bin/sh\nexit 1\n", "no message"),
    "no shebang": (b"nothing that runs", "does not run: Exec format error"),
    "not UTF-8": (b"#!/bin/sh\nprintf 'error: \\377\\376 \\033[31m\\n' >&2\nexit 1\n", "error: "),
    "makes nothing": (b"#!/bin/sh\nexit 0\n", "made no library"),
}


def no_kernels(said):
    """Loads, is warned in one printable line, and returns it."""
    with pytest.warns(UserWarning, match="The CPU kernels") as warned:
        assert library.load([SYMBOL]) is None
    (text,) = [str(warning.message) for warning in warned]
    assert text.isprintable()
    assert text.startswith("The CPU kernels ")
    assert "slower operations stand in" in text
    assert said in text
    return text


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_failing_compiler_is_reported_in_one_line_and_leaves_no_file(
    fresh, monkeypatch, tmp_path, mistake
):
    content, said = MISTAKES[mistake]
    monkeypatch.setenv("CXX", program(tmp_path, content))
    assert "could not be compiled" in no_kernels(said)
    assert not list(fresh.iterdir())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("g++ '-O2", "No closing quotation"),
        ("no-such-compiler -x", "no such program"),
        ("/", "no such program"),
        ("\udcff\n", "no such program"),
    ],
)
def test_a_compiler_that_is_no_command_is_reported_in_one_line(fresh, monkeypatch, given, said):
    monkeypatch.setenv("CXX", given)
    assert "$CXX is" in no_kernels(said)
    assert not fresh.exists()


def test_without_a_compiler_there_are_no_kernels_and_no_warning(fresh, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert library.load([SYMBOL]) is None
    assert not fresh.exists()


def test_a_library_without_its_symbols_is_not_kept(fresh):
    if library._compiler() is None:
        pytest.skip("this machine has no C++ compiler")
    with pytest.warns(UserWarning, match="compiled, but cannot be loaded .it has no another"):
        assert library.load([SYMBOL, "another"]) is None
    assert not list(fresh.iterdir())


def test_the_kernels_are_compiled_once_and_no_process_is_started_again(compiled, monkeypatch):
    assert compiled.stat().st_mode & 0o777 == 0o600
    assert compiled.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: pytest.fail("compiled again"))
    assert getattr(library.load([SYMBOL]), SYMBOL)() == 7


def damage(path, how):
    content = path.read_bytes()
    if how == "writable by others":
        path.chmod(0o620)
        return
    middle = len(content) // 2
    damaged = {
        "empty": b"",
        "truncated": content[:middle],
        "a flipped bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "another file": b"not a library",
    }[how]
    path.unlink()  # a library that is in use is never written to
    path.write_bytes(damaged)
    path.chmod(0o600)


@pytest.mark.parametrize(
    "how", ["empty", "truncated", "a flipped bit", "another file", "writable by others"]
)
def test_a_changed_library_is_compiled_again(compiled, monkeypatch, how):
    runs, run = [], subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda *args, **options: runs.append(args) or run(*args, **options)
    )
    damage(compiled, how)
    assert getattr(library.load([SYMBOL]), SYMBOL)() == 7
    assert len(runs) == 1
    assert library.load([SYMBOL]) is not None
    assert len(runs) == 1


def test_a_file_with_the_right_checksum_that_is_no_library_is_compiled_again(compiled):
    key = compiled.stem.partition("-")[0]
    false = compiled.with_name(f"{key}-{library._checksum(b'no library')}.so")
    compiled.unlink()
    false.write_bytes(b"no library")
    false.chmod(0o600)
    assert getattr(library.load([SYMBOL]), SYMBOL)() == 7
    assert not false.exists()


def test_a_folder_that_others_may_write_to_is_closed_and_a_folder_of_others_refused(
    compiled, monkeypatch
):
    compiled.parent.chmod(0o777)
    assert library.load([SYMBOL]) is not None
    assert compiled.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "geteuid", lambda: compiled.stat().st_uid + 1)
    no_kernels("which belongs to another user")


def test_a_folder_that_cannot_be_made_is_reported(fresh):
    fresh.write_text("a file")
    no_kernels("could not be kept in")


def test_leftovers_of_killed_compilations_are_removed(compiled):
    old, new = compiled.with_name("tmpold"), compiled.with_name("tmpnew")
    for folder in (old, new):
        folder.mkdir()
        (folder / "kernels.so").write_text("half a libr")
    then = time.time() - library.LEFTOVER_SECONDS - 60
    os.utime(old, (then, then))
    assert library.load([SYMBOL]) is not None
    assert set(compiled.parent.iterdir()) == {compiled, new}


def test_another_compiler_at_the_same_path_compiles_anew(fresh, monkeypatch, tmp_path):
    if library._compiler() is None:
        pytest.skip("this machine has no C++ compiler")
    script = b'#!/bin/sh\nexec c++ "$@"\n'
    monkeypatch.setenv("CXX", program(tmp_path, script))
    assert library.load([SYMBOL]) is not None
    program(tmp_path, script + b"# updated\n")
    assert library.load([SYMBOL]) is not None
    assert len(list(fresh.iterdir())) == 2


RUN = """
import jax, jax.numpy as jnp
from hptjax.ops import native
from hptjax.ops.conv import conv
print(native.available(), float(conv(jnp.ones((2, 4, 4, 16)), jnp.ones((3, 3, 3, 2))).sum()))
"""


@pytest.mark.slow
def test_a_truncated_library_costs_a_compilation_and_no_more(tmp_path):
    """The compiler gives what it gave before, without its 20 s of processor time."""
    if not native.available():
        pytest.skip("this machine has no C++ compiler")
    flags = [*library.FLAGS, library.native_flag(), "-isystem", jax.ffi.include_dir()]
    [good] = library._cache_folder().glob(
        f"{library._key([*(library._compiler() or ()), *flags])}-*.so"
    )
    compiler, runs = tmp_path / "c++", tmp_path / "runs"
    compiler.write_text(
        f'#!/bin/sh\necho run >> "{runs}"\nwhile [ "$1" != -o ]; do shift; done\n'
        f'exec cp "{good}" "$2"\n'
    )
    compiler.chmod(0o700)
    folder = tmp_path / "hptjax" / "kernels"
    folder.mkdir(parents=True, mode=0o700)
    key, checksum = library._key([str(compiler), *flags]), good.stem.rpartition("-")[2]
    path = folder / f"{key}-{checksum}.so"
    shutil.copy(good, path)
    damage(path, "truncated")
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    environment["CXX"] = str(compiler)
    command = [sys.executable, "-c", RUN]
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"True {3 * 2 * 2 * 16 * 18.0}\n"
        assert runs.read_text() == "run\n"
    assert path.read_bytes() == good.read_bytes()


def test_programs_can_be_traced_without_kernels():
    x, w = jnp.ones((2, 4, 4, 16)), jnp.ones((3, 3, 3, 2))
    with native.left_out():
        text = jax.jit(lambda x, w: conv(x, w)).trace(x, w).lower(lowering_platforms=("cuda",))
        assert "hptjax_conv" not in text.as_text()
    here = jax.jit(lambda x, w: conv(x, w)).lower(x, w).as_text()
    assert ("hptjax_conv" in here) == native.available()


@pytest.mark.parametrize(
    ("platforms", "flat"),
    [(["tpu"], True), (["cuda"], False), (["cuda", "tpu"], False), ([], False)],
)
def test_maps_lie_flat_in_programs_for_tpus_alone(platforms, flat):
    x, w = jnp.ones((2, 6, 5, 16)), jnp.ones((3, 3, 3, 2))
    with native.left_out(platforms):
        traced = jax.jit(lambda x, w: conv(x, w, padding=(1, 1))).trace(x, w)
        text = traced.lower(lowering_platforms=tuple(platforms) or ("cuda",)).as_text()
    assert ("tensor<2x480xf32>" in text) == flat
    assert not native.for_tpu()
