"""PyTorch, eager, exact shapes, one member after another; in one process or in two."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from hptjax.errors import ConfigError

from .common import Config, Timing, batch_starts, halves_by_work
from .torch_model import TorchClassifier, as_tensors, make_optimizer, torch, train_step

_barrier: Any = None  # set in each process of the two-process peer


def _train(pair: tuple, member: Config, images, labels, steps: int) -> float:
    model, optimizer = pair
    size, loss = member["batch_size"], None
    for start in batch_starts(len(images), size, steps):
        part = slice(start, start + size)
        loss = train_step(model, optimizer, images[part], labels[part])
    return float("nan") if loss is None else float(loss)


def _build(member: Config, layout: Any, fused: bool) -> tuple:
    model = TorchClassifier(member).to(memory_format=layout).train()
    return model, make_optimizer(model, member, fused=fused)


def _prepare(members, images, labels, channels_last: bool, fused: bool, threads: int):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    x, y = as_tensors(images, labels)
    x = x.contiguous(memory_format=layout)
    pairs = [_build(member, layout, fused) for member in members]
    for pair, member in zip(pairs, members, strict=True):
        _train(pair, member, x, y, 1)
    return pairs, x, y


def run(
    members: Sequence[Config],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int,
    threads: int = 2,
    channels_last: bool = False,
    fused: bool = False,
) -> Timing:
    """Trains the members in turn with `threads` intra-op threads."""
    begin = time.perf_counter()
    pairs, x, y = _prepare(members, images, labels, channels_last, fused, threads)
    ready = time.perf_counter()
    losses = [_train(p, m, x, y, steps) for p, m in zip(pairs, members, strict=True)]
    return Timing(time.perf_counter() - ready, ready - begin, tuple(losses))


def _set_barrier(barrier: Any) -> None:
    global _barrier
    _barrier = barrier


def _half(members, images, labels, steps: int, channels_last: bool, fused: bool):
    try:
        pairs, x, y = _prepare(members, images, labels, channels_last, fused, 1)
        _barrier.wait(600)
    except BaseException:
        _barrier.abort()  # or the other half would wait for this one
        raise
    ready = time.perf_counter()
    losses = [_train(p, m, x, y, steps) for p, m in zip(pairs, members, strict=True)]
    return time.perf_counter() - ready, losses


def run_two_processes(
    members: Sequence[Config],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int,
    channels_last: bool = False,
    fused: bool = False,
) -> Timing:
    """Two processes of one thread, half of the FLOPs each; seconds are the slower one's.

    The losses are in the order of the halves, not of the members.
    """
    if len(members) < 2:
        raise ConfigError(f"two processes need at least 2 members, got {len(members)}.")
    halves = halves_by_work(members, *images.shape[1:3])
    context = multiprocessing.get_context("spawn")
    begin = time.perf_counter()
    with ProcessPoolExecutor(
        2, mp_context=context, initializer=_set_barrier, initargs=(context.Barrier(2),)
    ) as pool:
        options = (images, labels, steps, channels_last, fused)
        futures = [pool.submit(_half, half, *options) for half in halves]
        results = [future.result() for future in futures]
    seconds = max(seconds for seconds, _ in results)
    losses = tuple(loss for _, part in results for loss in part)
    return Timing(seconds, time.perf_counter() - begin - seconds, losses)
