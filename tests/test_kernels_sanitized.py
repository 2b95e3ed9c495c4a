"""The kernels under the sanitizers of the compiler: no step outside memory, no undefined behaviour.

The compiler takes some 20 s for it; the calls less than one.
"""

import itertools
import subprocess
from pathlib import Path

import jax
import pytest

from hptjax.config.geometry import same_padding
from hptjax.ops import library
from tests.test_conv import CASES, OTHERS
from tests.test_depthwise import CASES as OF_DEPTHWISE

pytestmark = pytest.mark.slow
DRIVER = Path(__file__).parent / "kernels_driver.cc"
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
DEPTHWISE = tuple(
    f"depthwise{gradient}" for gradient in ("", "_input_gradient", "_weight_gradient")
)
GROUPS = "group_norm", "group_norm_gradient"
POOL = "max_pool", "max_pool_gradient"
LINEAR = "linear", "linear_input_gradient", "linear_weight_gradient"
NORM = "norm", "norm_by_statistics", "norm_gradient", "norm_pair", "norm_pair_gradient"
OF_MAPS = (*NORM, "dropout")
OF_NUMBERS = "activation", "activation_and_slope"
OF_A_CONVOLUTION = ("conv", "input_gradient", "weight_gradient", "bias_gradient")


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """The kernels and what calls them, compiled with sanitizers."""
    compiler = library._compiler()
    if compiler is None:
        pytest.skip("this machine has no C++ compiler")
    folder = tmp_path_factory.mktemp("sanitized")
    empty, program = folder / "empty.cc", folder / "driver"
    empty.write_text("int main() {}\n")
    if subprocess.run([*compiler, *SANITIZERS, empty, "-o", folder / "empty"]).returncode:
        pytest.skip("this machine's compiler has no sanitizers")
    flags = [flag for flag in library.FLAGS if flag not in ("-O3", "-shared")]
    headers = ["-I", library.SOURCES, "-isystem", jax.ffi.include_dir()]
    command = [*compiler, *flags, "-O1", library.native_flag(), *SANITIZERS, *headers]
    subprocess.run([*command, DRIVER, "-o", program], check=True)
    return program


def call(driver, lines):
    text = "".join(" ".join(map(str, line)) + "\n" for line in lines)
    return subprocess.run([driver], input=text, capture_output=True, text=True)


def moved():
    """How kernels move in the tests of values, as there, and over which maps to which."""
    for kernel, stride, padding, *maps in CASES:
        pad = same_padding(kernel) if padding == "same" else padding
        yield (kernel, kernel), stride, 1, pad, pad, *maps
    yield from OTHERS
    yield from ((*case, 1) for case in OF_DEPTHWISE)


def calls():
    """The cases of the tests of values, with all channels live, with some, with none."""
    images = (1, 3, 64, 83)  # whole vectors, a rest, both
    for count, case in itertools.product(images, moved()):
        kernel, stride, dilation, *pads, height, width, channels, out = case
        reach = [dilation * (k - 1) + 1 for k in kernel]
        sides = zip((height, width), pads, reach, strict=True)
        size = [(n + sum(pad) - own) // stride + 1 for n, pad, own in sides]
        shape = channels, height, width, count
        moves = stride, dilation, *pads[0], *pads[1]
        for live in {(channels, out), (channels // 2, out // 2 + 1), (0, 0)}:
            numbers = *moves, *shape, out, *kernel, *size, *live
            targets = OF_A_CONVOLUTION + DEPTHWISE
            if size == [(n - 1) // stride + 1 for n in (height, width)]:
                targets += ("input_gradient_of_both",)
            if kernel[0] == kernel[1] > max(map(max, pads)):  # each window holds a pixel
                targets += POOL
            targets += (*OF_MAPS, *OF_NUMBERS, "running")
            yield from ((target, *numbers) for target in targets)
    for count, groups, size in itertools.product(images, (0, 1, 3), (1, 2)):
        channels = 5 if groups == 0 else groups * size + 2
        shape = channels, 3, 4, count, 1, groups, 1, 3, 4
        for live in {0, groups * size or 4, channels if groups < 2 else groups}:
            numbers = 1, 1, 0, 0, 0, 0, *shape, live, 1
            yield from ((target, *numbers) for target in GROUPS)
    for count, units, out in itertools.product(images, (1, 17, 130), (1, 7, 33)):
        for live in {(units, out), (units // 2, out // 2 + 1), (0, 0)}:
            numbers = 1, 1, 0, 0, 0, 0, units, 1, 1, count, out, 1, 1, 1, 1, *live
            yield from ((target, *numbers) for target in LINEAR)


def test_no_call_steps_outside_or_leaves_results_unwritten(driver):
    lines = list(calls())
    done = call(driver, lines)
    assert done.returncode == 0, done.stderr[:4000]
    answers = done.stdout.splitlines()
    assert len(answers) == len(lines) > 1000
    assert [(line, said) for line, said in zip(lines, answers, strict=True) if said != "ok"] == []


def test_wrong_calls_are_refused_before_memory_is_touched(driver):
    right = {"stride": 2, "dilation": 1, "top": 1, "bottom": 1, "left": 1, "right": 1, "c": 3}
    right |= {"h": 7, "w": 8, "b": 16, "o": 5, "kh": 3, "kw": 3, "rows": 4, "columns": 4}
    right |= {"in": 3, "out": 5}
    moves = [{"rows": 5}, {"columns": 3}, {"kh": 0}, {"kh": 10}, {"kw": 0}, {"kw": 11}]
    moves += [{name: n} for name in ("stride", "dilation") for n in (0, -1, 2**62)]
    ends = ("top", "bottom", "left", "right")
    moves += [{name: n} for name in ends for n in (-1, 2**62, -(2**63))]
    changes = [{"in": 4}, {"in": -1}, {"out": 6}, {"out": -(2**31)}, *moves]
    targets = "conv", "input_gradient", "input_gradient_of_both", "weight_gradient"
    lines = [(t, *(right | change).values()) for t in targets for change in changes]
    lines += [(t, *(right | {"in": n}).values()) for t in OF_MAPS for n in (-1, 4)]
    changes = [{"in": 4}, {"in": -1}, {"out": 6}, {"out": -1}]
    lines += [(t, *(right | change).values()) for t in LINEAR for change in changes]
    lines += [("bias_gradient", *(right | {"out": n}).values()) for n in (-1, 6)]
    changes = [{"in": 4}, {"in": -1}, *moves]
    lines += [(t, *(right | change).values()) for t in DEPTHWISE for change in changes]
    three = right | {"kh": 3}
    changed = [{"in": 4}, {"in": -1}, {"in": 2}, {"kh": -1}, {"kh": 2}]
    lines += [(t, *(three | change).values()) for t in GROUPS for change in changed]
    changes = [change for change in changes if "kw" not in change]
    lines += [(t, *(right | change).values()) for t in POOL for change in changes]
    done = call(driver, lines)
    assert done.returncode == 0, done.stderr[:4000]
    answers = done.stdout.splitlines()
    assert len(answers) == len(lines)
    assert all(answer.startswith("CPU kernel: ") for answer in answers)


def test_the_sanitizer_sees_a_step_outside(driver):
    done = call(driver, [("outside", 1, 1, 0, 0, 0, 0, 3, 4, 5, 6, 2, 1, 1, 4, 5, 3, 2)])
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
