"""The questions of `gpu_kernel`; `python -m ... kernel_questions conv` asks a single one."""

import argparse
import ctypes
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .common import rounded, show
from .cuda import nvrtc
from .cuda.driver import COOPERATIVE, L2_BYTES, MULTIPROCESSORS, SHARED_OPTIN, Device
from .cuda.layout import IMAGES, ConvShape, drawn, pack_kernels, pack_maps, unpack_maps

THREADS, BATCH, SIZE = 256, 64, 14
MEMBERS = (28, 132, 1024)
WIDTHS, STRIDES = ((32, 24), (24, 24), (16, 10), (8, 4)), (1, 2, 3)
DISTINCT = 4  # members with their own data; the others have copies, in separate memory
TOLERANCE = 4e-4  # relative error of results in f16, which have 11 bits
MORE = 8  # how many further times products are timed, without loads
SPARE = 2**30  # bytes of the device's memory that are not used


class Sizes(NamedTuple):
    """The sizes of the work: small ones for a trial run."""

    copied: int = 2**30
    times: int = 50_000
    rounds: int = 2000
    members: tuple[int, ...] = MEMBERS
    shapes: tuple[ConvShape, ...] = tuple(
        ConvShape(SIZE, stride, *widths) for widths in WIDTHS for stride in STRIDES
    )


def machine(gpu: Device, sizes: Sizes) -> None:
    """The driver's facts about the device, and ptxas's facts about the kernels."""
    rows: list[list[Any]] = [
        ["device", gpu.name],
        ["compute capability", gpu.capability],
        ["CUDA of the driver", gpu.driver_version],
        ["multiprocessors", gpu.attribute(MULTIPROCESSORS)],
        ["shared memory of a block, bytes", gpu.attribute(SHARED_OPTIN)],
        ["L2, MB", gpu.attribute(L2_BYTES) / 1e6],
    ]
    architecture = architecture_of(gpu)
    for source in ("conv.cu", "probes.cu"):
        for name, kernel in nvrtc.compiled(source, architecture).kernels.items():
            rows.append([f"{name}: registers, bytes spilled", str(tuple(kernel.__dict__.values()))])
    show("The device and the kernels", ["", architecture], rows)
    print(json.dumps({str(name): value for name, value in rows}))


def architecture_of(gpu: Device) -> str:
    """The latest architecture that NVRTC and the device know; Hopper with its own instructions."""
    known = [a for a in nvrtc.architectures() if a <= gpu.capability]
    best = max(a for a in known if a // 10 == gpu.capability // 10)
    return f"sm_{best}a" if best == 90 else f"sm_{best}"


def kernel_of(gpu: Device, source: str, name: str, shared_bytes: int = 0) -> ctypes.c_void_p:
    return gpu.kernel(nvrtc.compiled(source, architecture_of(gpu)).cubin, name, shared_bytes)


def copying(gpu: Device, sizes: Sizes) -> None:
    """Measures a copy: GB/s, read and written."""
    words = sizes.copied // 16
    pattern = np.random.default_rng().integers(0, 2**32, 4 * words, np.uint32)
    source, target = gpu.put(pattern), gpu.empty(16 * words)
    kernel = kernel_of(gpu, "probes.cu", "copy_words")
    blocks = (8 * gpu.attribute(MULTIPROCESSORS), 1)
    args = (source, target, ctypes.c_size_t(words))
    start = partial(gpu.launch, kernel, blocks, THREADS, args)
    seconds = gpu.seconds(start)
    if not np.array_equal(gpu.get(target, 4 * words, np.uint32), pattern):
        raise RuntimeError("the copy differs from what was copied")
    rate = 2e-9 * 16 * words / seconds
    show("Copy by a kernel, bytes read and written", ["MiB", "GB/s"], [[sizes.copied >> 20, rate]])
    print(json.dumps({"copy_gb_s": rounded(rate)}))


def multiplying(gpu: Device, sizes: Sizes) -> None:
    """Measures `mma.sync` on registers: TFLOP/s, f16 with float32 sums."""
    units, chains = gpu.attribute(MULTIPROCESSORS), 8
    kernel = kernel_of(gpu, "probes.cu", "products")
    rows = []
    for warps in (4, 8, 16):
        out = gpu.empty(4 * 32 * warps * units)
        args = (out, ctypes.c_int(sizes.times))
        seconds = gpu.seconds(partial(gpu.launch, kernel, (units, 1), 32 * warps, args))
        found = gpu.get(out, 32 * warps * units, np.float32)
        if not (found == 16 * chains * sizes.times).all():
            raise RuntimeError(f"products of ones gave {found.min()} to {found.max()}")
        rate = 1e-12 * 4096 * chains * sizes.times * warps / seconds
        rows.append([warps, rate, rate * units])
    columns = ["warps of a multiprocessor", "TFLOP/s of one", "of all"]
    show("mma.sync alone, f16, 16 x 8 x 16", columns, rows)
    print(json.dumps({"mma_tflop_s_unit": rounded(max(row[1] for row in rows))}))


def meeting(gpu: Device, sizes: Sizes) -> None:
    """Measures the microseconds of a barrier, by the number of blocks that meet."""
    if not gpu.attribute(COOPERATIVE):
        raise RuntimeError("the device cannot promise that all blocks run at a time")
    units = gpu.attribute(MULTIPROCESSORS)
    kernel = kernel_of(gpu, "probes.cu", "barriers")
    found = {}
    for team in (2, 4, units):
        blocks = units // team * team
        words = [32 * (blocks // team), blocks, 1]
        counters, seen, wrong = (gpu.empty(4 * count) for count in words)

        def start(team=team, blocks=blocks, words=words, given=(counters, seen, wrong)) -> None:
            gpu.put(np.zeros(words[0], np.uint32), given[0])
            gpu.put(np.zeros(words[1], np.uint32), given[1])
            numbers = (ctypes.c_int(team), ctypes.c_int(sizes.rounds))
            gpu.launch(kernel, (blocks, 1), THREADS, (*given, *numbers), together=True)

        seconds = gpu.seconds(start)
        if errors := int(gpu.get(wrong, 1, np.uint32)[0]):
            raise RuntimeError(f"{errors} barriers of {team} blocks did not hold")
        found[team] = 1e6 * seconds / sizes.rounds
    show("Barriers between blocks", ["blocks", "us, copies of counters included"], [*found.items()])
    print(json.dumps({"barrier_us": {str(team): rounded(us) for team, us in found.items()}}))


def convolving(gpu: Device, sizes: Sizes) -> None:
    """Checks and times each shape; prints a JSON line for each, then the table."""
    limit = gpu.attribute(SHARED_OPTIN)
    kernel = kernel_of(gpu, "conv.cu", "conv_members", limit)
    rng, rows = np.random.default_rng(), []
    for shape in sizes.shapes:
        if shape.shared_bytes > limit:
            print(f"{shape}: left out, a block needs {shape.shared_bytes} bytes of shared memory")
            continue
        for own in timed(gpu, kernel, shape, sizes.members, rng):
            print(json.dumps(own), flush=True)
            rows.append(list(own.values()))
    if rows:
        columns = [
            "stride",
            "in",
            "out",
            "members",
            "error",
            "us a member",
            "GB/s",
            "TFLOP/s an SM",
        ]
        title = f"conv_members, {BATCH} images of {SIZE} x {SIZE}, checked against XLA"
        show(title, columns, rows)


def timed(
    gpu: Device,
    kernel: ctypes.c_void_p,
    shape: ConvShape,
    members: Sequence[int],
    rng: np.random.Generator,
) -> Iterator[dict[str, Any]]:
    """A row for each number of members that fits the memory, checked before it is timed."""
    data = [drawn(shape, BATCH, rng) for _ in range(DISTINCT)]
    sizes = [2 * shape.map_numbers(BATCH), 2 * 9 * shape.eighths * shape.tiles * 64]
    sizes.append(2 * shape.out_numbers(BATCH))
    for count in members:
        if count * sum(sizes) + SPARE > gpu.free_bytes:
            print(f"{shape}: {count} members do not fit in the memory")
            continue
        blocks = [gpu.empty(count * size) for size in sizes]
        places = [
            (base.value + size * np.arange(count)).astype(np.uint64)
            for base, size in zip(blocks, sizes, strict=True)
        ]
        fill(gpu, shape, data, sizes, places)
        table = gpu.put(np.tile(shape.row, count))
        tables = [gpu.put(addresses) for addresses in places]

        def start(times: int, count=count, given=(table, *tables)) -> None:
            args = (*given, ctypes.c_int(times))
            grid = (BATCH // IMAGES, count)
            gpu.launch(kernel, grid, THREADS, args, shape.shared_bytes)

        start(1)
        error = checked(gpu, shape, data, blocks[2], count)
        once, often = (gpu.seconds(partial(start, times)) for times in (1, 1 + MORE))
        busy = min(gpu.attribute(MULTIPROCESSORS), count * BATCH // IMAGES)
        scale = 1e-12 * count * MORE / max(often - once, 1e-12) / busy
        moved = count * sum(sizes)
        yield {
            "stride": shape.stride,
            "in": shape.channels,
            "out": shape.outputs,
            "members": count,
            "error": rounded(error),
            "us_member": rounded(1e6 * once / count),
            "gb_s": rounded(1e-9 * moved / once),
            "tflop_s_unit": rounded(scale * shape.padded_flops(BATCH)),
            "tflop_s_unit_true": rounded(scale * shape.flops(BATCH)),
        }
        gpu.free(*blocks, table, *tables)


def fill(
    gpu: Device,
    shape: ConvShape,
    data: Sequence[tuple[np.ndarray, np.ndarray]],
    sizes: Sequence[int],
    places: Sequence[np.ndarray],
) -> None:
    """Gives each member maps and kernels in its own memory."""
    for k in range(len(places[0])):
        maps, kernels = (int(addresses[k]) for addresses in places[:2])
        if k < DISTINCT:
            gpu.put(pack_maps(data[k][0], shape), ctypes.c_uint64(maps))
            gpu.put(pack_kernels(data[k][1], shape), ctypes.c_uint64(kernels))
        else:
            gpu.copy(maps, int(places[0][k % DISTINCT]), sizes[0])
            gpu.copy(kernels, int(places[1][k % DISTINCT]), sizes[1])


def checked(
    gpu: Device,
    shape: ConvShape,
    data: Sequence[tuple[np.ndarray, np.ndarray]],
    out: ctypes.c_uint64,
    count: int,
) -> float:
    """The largest relative error of a member; raises RuntimeError above the tolerance.

    Copies of a member must give equal bits.
    """
    numbers = shape.out_numbers(BATCH)
    found = gpu.get(out, count * numbers, np.float16).reshape(count, numbers)
    for k in range(DISTINCT, count):
        if not np.array_equal(found[k], found[k % DISTINCT]):
            raise RuntimeError(f"{shape}: member {k} of {count} differs from its like")
    worst = 0.0
    for (x, w), own in zip(data, found, strict=False):
        got = unpack_maps(own, shape).astype(np.float32)
        want = by_xla(x, w, shape.stride)
        error = np.linalg.norm(got[..., : shape.outputs] - want) / np.linalg.norm(want)
        if not error <= TOLERANCE:
            raise RuntimeError(f"{shape}: relative error {error:.1e}, at most {TOLERANCE:.0e}")
        if got[..., shape.outputs :].any():
            raise RuntimeError(f"{shape}: the padding is not zero")
        worst = max(worst, float(error))
    return worst


def by_xla(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    """XLA's convolution in float32, on a CPU."""
    with jax.default_device(jax.devices("cpu")[0]):
        y = jax.lax.conv_general_dilated(
            jnp.asarray(x, jnp.float32),
            jnp.asarray(w, jnp.float32),
            (stride, stride),
            [(1, 1), (1, 1)],
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision="highest",
        )
    return np.asarray(y)


QUESTIONS: dict[str, Callable[[Device, Sizes], None]] = {
    "machine": machine,
    "copy": copying,
    "products": multiplying,
    "barriers": meeting,
    "conv": convolving,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question", choices=QUESTIONS)
    QUESTIONS[parser.parse_args(argv).question](Device(), Sizes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
