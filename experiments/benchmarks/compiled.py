"""Compiles a training step for a GPU or a TPU that is not there, and counts its work.

    python -m experiments.benchmarks.compiled --platform gpu [--body 24,16,1] [--lanes 8]
    python -m experiments.benchmarks.compiled --platform tpu [--keep step.hlo] [--longest 20]
    python -m experiments.benchmarks.compiled --platform gpu --maps bfloat16

Compiles the loop over training batches of a body, with --lanes members side by side, for an H100 or
for one core of a TPU v5e. Counts the work of a step: kernels, relayouts (which only move numbers to
another layout), bytes read and written by kind, bytes with the padding of a TPU's tiles, and bytes
that leave its fast memory. --maps is the precision of the network's recipe: how its training steps
keep maps.

No device is needed, only the compilers of jax's version. For a GPU with jax 0.10.1:

    pip install --no-deps jax-cuda13-pjrt==0.10.1 jax-cuda13-plugin==0.10.1 nvidia-nvvm

and for a TPU `pip install --no-deps 'libtpu==0.0.41.*'` (one process at a time). Without a GPU
nothing is tuned: products are Triton's with default tiles; kernels and bytes are right, times are
not. The last line of output is one JSON object.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from hptjax.config.recipe import PRECISIONS, Precision
from hptjax.ops import native, stored
from hptjax.population.epoch import initial_state, train_epoch
from hptjax.population.images import EpochInput
from hptjax.settings import fixed_settings

from .common import rounded, show
from .hlo_count import Kernel, kernels_of_step
from .step_parts import Labels, network_of

STEPS = 100  # steps of an epoch; the work of one step is counted
H100 = """\
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 84978434048
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 12 }
runtime_version { major: 13 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
PLATFORMS = {"gpu": "cuda", "tpu": "tpu"}  # by JAX's names of types
TPU = {  # libtpu would otherwise read these from the machine
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-1",
    "TPU_WORKER_ID": "0",
    "TPU_WORKER_HOSTNAMES": "localhost",
}
FLAGS = "--xla_gpu_autotune_level=0 --xla_gpu_force_compilation_parallelism=1"


def absent_device(platform: str) -> Any:
    """A device to compile for, which this machine does not have."""
    jax.config.update("jax_platforms", "cpu")
    if platform == "tpu":
        for name, value in TPU.items():
            os.environ.setdefault(name, value)
        return topologies.get_topology_desc("v5e:2x2", platform="tpu").devices[0]
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), FLAGS, *_cuda_folder()])
    shape = {"topology": "1x1x1", "target_config": H100}
    return topologies.get_topology_desc("1x1x1", platform="cuda", **shape).devices[0]


def _cuda_folder() -> list[str]:
    """The flag with the place of libdevice from nvidia-nvvm, if it is installed."""
    paths = (Path(path) / "nvidia" / "cu13" for path in sys.path)
    found = (path for path in paths if (path / "nvvm" / "libdevice").is_dir())
    return [f"--xla_gpu_cuda_data_dir={path}" for path in found][:1]


def compiled_epoch(body: str, lanes: int, platform: str, precision: Precision) -> str:
    """The optimised HLO of an epoch of `lanes` members of a body, "c0,c1,stride", side by side."""
    device = absent_device(platform)
    network = network_of(body, precision, mlp_out_l0=128)
    net, choices = network.body, network.choices.fitted(Labels())
    array: Any = jax.ShapeDtypeStruct
    batch = net.signature.batch_size
    key = jax.eval_shape(lambda: jax.random.key(0))
    height, width, channels = net.signature.image
    images = array((STEPS * batch, height * width * channels), jnp.uint8)
    labels = array((STEPS * batch,), jnp.int32)
    nothing = (array((0, *images.shape[1:]), jnp.uint8), array((0,), jnp.int32))
    given = EpochInput(images, labels, *nothing, array((0, 1), bool), key, array((), jnp.uint32))
    hparams = jax.tree.map(lambda a: array(a.shape, a.dtype), network.hparams)
    state = jax.eval_shape(partial(initial_state, net, choices), key, hparams)

    def epoch(state: Any, hparams: Any, given: EpochInput) -> Any:
        def one(state: Any, own: Any) -> Any:
            key = jax.random.fold_in(given.study_key, own.key)
            return train_epoch(net, choices, state, own, given, key)

        return jax.vmap(one)(state, hparams)

    def side_by_side(tree: Any) -> Any:
        return jax.tree.map(lambda a: array((lanes, *a.shape), a.dtype), tree)

    place = SingleDeviceSharding(device)
    options: Any = {"in_shardings": place, "out_shardings": place, "donate_argnums": 0}
    options["compiler_options"] = stored.compiler_options(precision)
    with native.left_out((PLATFORMS[platform],)), fixed_settings():
        lowered = jax.jit(epoch, **options).lower(side_by_side(state), side_by_side(hparams), given)
        text = lowered.compile().as_text()
    assert text is not None
    return text


def counted(kernels: Sequence[Kernel]) -> dict[str, float]:
    """The number of some kernels, and the MB that they move."""
    sizes = {
        "read_mb": sum(a.bytes for k in kernels for a in k.reads),
        "written_mb": sum(a.bytes for k in kernels for a in k.writes),
        "padded_mb": sum(a.padded for k in kernels for a in k.moved),
        "off_chip_mb": sum(a.padded for k in kernels for a in k.moved if not a.on_chip),
    }
    return {"kernels": len(kernels), **{name: size / 1e6 for name, size in sizes.items()}}


def _short(value: float) -> float | None:
    return value if isinstance(value, int) else rounded(value)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--platform", choices=PLATFORMS, required=True)
    parser.add_argument("--body", default="24,16,1", help="channels of both blocks, and the stride")
    parser.add_argument("--lanes", type=int, default=8, help="members side by side")
    parser.add_argument("--maps", choices=PRECISIONS, default="float32", help="the precision")
    parser.add_argument("--keep", type=Path, help="a file for the compiled program")
    parser.add_argument(
        "--longest", type=int, default=0, help="list so many of the largest kernels"
    )
    args = parser.parse_args()
    began = time.process_time()
    text = compiled_epoch(args.body, args.lanes, args.platform, args.maps)
    seconds = time.process_time() - began
    if args.keep:
        args.keep.write_text(text, encoding="utf-8")
    kernels = kernels_of_step(text)
    kinds = {kind: [k for k in kernels if k.kind == kind] for kind in {k.kind for k in kernels}}
    found = {kind: counted(own) for kind, own in kinds.items()}
    rows = [[kind, *of.values()] for kind, of in found.items()]
    rows.sort(key=lambda row: -row[4])
    relayouts = counted([k for k in kernels if k.relayout])
    rows += [["relayouts among them", *relayouts.values()], ["all", *counted(kernels).values()]]
    head = f"body {args.body}, {args.lanes} lanes, a step on a {args.platform}"
    head += f", {args.maps} maps"
    columns = ["kind", "kernels", "MB read", "MB written", "MB, tiles filled", "of it off chip"]
    show(f"{head}; compiled in {seconds:.0f} s of CPU", columns, rows)
    for k in sorted(kernels, key=lambda k: -sum(a.padded for a in k.moved))[: args.longest]:
        own = counted([k])
        print(f"{own['padded_mb']:9.2f} MB {k.kind}: {k.type[:70]} | {k.source[-70:]}")
    numbers = counted(kernels) | {f"relayout_{name}": n for name, n in relayouts.items()}
    answer = {name: _short(value) for name, value in numbers.items()}
    by_kind = {kind: {n: _short(v) for n, v in of.items()} for kind, of in found.items()}
    point = {"platform": args.platform, "body": args.body, "lanes": args.lanes, "maps": args.maps}
    print(json.dumps({**point, "jax": jax.__version__, **answer, "kinds": by_kind}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
