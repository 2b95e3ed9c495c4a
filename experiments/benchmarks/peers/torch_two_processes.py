"""PyTorch, eager, exact shapes, two processes of one thread that share the members."""

import multiprocessing
import time
from typing import Any

from .common import Prepared, Round, Task, step_flops
from .torch_sequential import Jobs


def work(task: Task, order: list[int], following: Any, barrier: Any, pipe: Any) -> None:
    """Serves rounds until the pipe closes: takes the next member nobody has taken, in `order`."""
    jobs = Jobs(task, 1)
    pipe.send("ready")
    while pipe.recv() == "go":
        barrier.wait(60)
        begin, losses = time.perf_counter(), {}
        while (place := take(following)) < len(order):
            losses[order[place]] = jobs.train(order[place], task.steps)
        pipe.send((time.perf_counter() - begin, losses))


def take(following: Any) -> int:
    with following.get_lock():
        following.value += 1
        return following.value - 1


def prepare(task: Task) -> Prepared:
    """Seconds of a round are those of the process that ends last.

    The members are taken from a common list, those of most FLOPs first: no split made beforehand
    would keep both processes as busy.
    """
    context = multiprocessing.get_context("spawn")
    following, barrier = context.Value("i", 0), context.Barrier(2)
    height, width = task.images.shape[1:3]
    costs = [step_flops(member, height, width) for member in task.members]
    order = sorted(range(len(costs)), key=lambda k: -costs[k])
    pipes = []
    for _ in range(2):
        pipe, far_end = context.Pipe()
        process = context.Process(
            target=work, args=(task, order, following, barrier, far_end), daemon=True
        )
        process.start()
        far_end.close()  # ours: where the process ends early, recv must fail and not wait
        pipes.append(pipe)
    for pipe in pipes:
        pipe.recv()

    def run() -> Round:
        following.value = 0
        for pipe in pipes:
            pipe.send("go")
        results = [pipe.recv() for pipe in pipes]
        losses = results[0][1] | results[1][1]
        return Round(
            max(seconds for seconds, _ in results), tuple(losses[k] for k in sorted(losses))
        )

    return Prepared(run)
