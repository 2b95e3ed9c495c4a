"""The CUDA of the benchmarks without a GPU: emulated warps, a driver of our own, NVRTC's word."""

import ctypes
import subprocess

import numpy as np
import pytest

from experiments.benchmarks import gpu_bytes, gpu_kernel, kernel_questions
from experiments.benchmarks.common import ROOT
from experiments.benchmarks.cuda import driver, emulated, nvrtc
from experiments.benchmarks.cuda.layout import ConvShape, drawn
from experiments.benchmarks.kernel_questions import Sizes
from experiments.benchmarks.sections import DONE, Outcome
from hptjax.errors import ConfigError

SHAPES = [
    ConvShape(6, 1, 32, 24),
    ConvShape(7, 2, 24, 17),
    ConvShape(8, 3, 16, 10),
    ConvShape(5, 2, 9, 4),
    ConvShape(4, 1, 20, 30),
]
KERNELS = ("copy_words", "products", "barriers", "conv_members")
NEEDS_COMPILER = pytest.mark.skipif(emulated.compiler() is None, reason="there is no g++")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return emulated.build(tmp_path_factory.mktemp("conv"))


@NEEDS_COMPILER
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_emulated_warps_convolve_as_xla_does(library, shape):
    x, w = drawn(shape, 32, np.random.default_rng(0))
    got = emulated.conv(library, x, w, shape).astype(np.float32)
    want = kernel_questions.by_xla(x, w, shape.stride)
    error = np.linalg.norm(got[..., : shape.outputs] - want) / np.linalg.norm(want)
    assert error < kernel_questions.TOLERANCE
    assert not got[..., shape.outputs :].any()


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    """The library of tests/fake_cuda.cc."""
    path = tmp_path_factory.mktemp("cuda") / "cuda.so"
    command = ["g++", "-std=c++17", "-O2", "-shared", "-fPIC", f"-I{emulated.FOLDER}"]
    subprocess.run([*command, ROOT / "tests" / "fake_cuda.cc", "-o", path], check=True)
    return ctypes.CDLL(str(path))


@pytest.fixture
def gpu(fake, monkeypatch):
    """A device whose kernels are emulated; sources are not compiled."""
    kernels = {name: nvrtc.Kernel(32, 0) for name in KERNELS}
    program = nvrtc.Program(b"\x7fELF and so on", kernels)
    monkeypatch.setattr(nvrtc, "compiled", lambda source, architecture: program)
    monkeypatch.setattr(nvrtc, "architectures", lambda: [80, 90, 100])
    fake.break_kernel(0)
    return driver.Device(fake, repeats=1)


FEW = Sizes(2**20, 100, 8, (1, 5), (ConvShape(3, 2, 9, 4), ConvShape(2, 1, 20, 20)))


@NEEDS_COMPILER
@pytest.mark.parametrize("question", kernel_questions.QUESTIONS)
def test_every_question_is_answered_and_gives_its_memory_back(gpu, fake, question, capsys):
    before = fake.bytes_allocated()
    kernel_questions.QUESTIONS[question](gpu, FEW)
    printed = Outcome(question, question, DONE)
    for line in capsys.readouterr().out.splitlines():
        printed.read(line)
    assert printed.data
    if question == "conv":
        assert [own["members"] for own in printed.data] == [1, 5, 1, 5]
        assert fake.bytes_allocated() == before


@NEEDS_COMPILER
@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_kernel_that_computes_something_else_is_not_timed(gpu, fake, place, capsys):
    question = ["copy", "products", "barriers", "conv"][place - 1]
    fake.break_kernel(place)
    with pytest.raises(RuntimeError, match=r"differs|gave|did not hold|error"):
        kernel_questions.QUESTIONS[question](gpu, FEW)
    assert "{" not in capsys.readouterr().out


@NEEDS_COMPILER
def test_the_architecture_is_one_that_compiler_and_device_know(gpu, fake):
    assert kernel_questions.architecture_of(gpu) == "sm_90a"
    with pytest.raises(RuntimeError, match=r"cuModuleGetFunction: CUDA_ERROR_FAKE \(1\)"):
        gpu.kernel(b"\x7fELF", "no such")
    gpu.profile(on=True)
    gpu.profile(on=False)


def test_a_machine_without_a_driver_says_so(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(driver.ctypes, "CDLL", missing)
    with pytest.raises(ConfigError, match="needs an NVIDIA GPU"):
        driver.Device()


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90a", "sm_100"])
@pytest.mark.parametrize("source", ["conv.cu", "probes.cu"])
def test_nvrtc_compiles_every_kernel_without_spilling(source, architecture):
    try:
        nvrtc.library()
    except ConfigError as error:
        pytest.skip(str(error))
    program = nvrtc.compiled(source, architecture)
    assert program.cubin.startswith(b"\x7fELF")
    assert set(program.kernels) == {"conv.cu": {KERNELS[3]}, "probes.cu": {*KERNELS[:3]}}[source]
    assert all(own.spilled == 0 and own.registers < 256 for own in program.kernels.values())


def outcome(*data):
    return Outcome("", "", DONE, data=list(data))


def test_decisions_follow_from_the_figures():
    fast, slow = ({"in": 8, "out": n, "tflop_s_unit": rate} for n, rate in ((4, 1.2), (8, 0.6)))
    barriers = {"barrier_us": {"2": 1.0, "4": 4.0, "132": 5.0}}
    figures = [{"copy_gb_s": 3000.0}, fast, slow, barriers, {"dram_mb": 90.0}]
    text = "\n".join(gpu_kernel.decisions([outcome(*figures)]))
    assert "| 3 | the roofline" in text
    assert "8 to 4, TFLOP/s a multiprocessor | 1.2 (1.2 to 1.2) | 1 or more: go on" in text
    assert "unroll taps" in text
    assert "one or two to a member" in text
    assert "stop, and profile" in text
    nothing = gpu_kernel.decisions([])
    assert all("| - |" in row for row in nothing[2:])


def test_bytes_are_those_of_all_kernels_that_ncu_lists():
    lines = [
        "==PROF== Connected",
        '"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"',
        '"0","a","dram__bytes.sum","byte","1,000"',
        '"1","b","dram__bytes.sum","byte","24"',
    ]
    assert gpu_bytes.bytes_of(lines) == (1024.0, 2)
