"""PyTorch, `torch.compile` of each network, exact shapes, one member after another."""

import time

from .common import Prepared, Round, Task, batch_starts
from .torch_model import loss_of, make_model, make_optimizer, task_tensors, torch


def prepare(task: Task) -> Prepared:
    """Trains the members in turn; on a GPU their compiled parts are CUDA graphs.

    A network compiles for a while: few members, or members of equal shapes, which find the first
    one's code in PyTorch's cache.
    """
    torch.set_num_threads(task.threads)
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")  # TF32, as JAX's default
    _allow_programs(len(task.members))
    images, labels = task_tensors(task)
    models = [make_model(task, member) for member in task.members]
    jobs = [
        (model, _compiled(model), make_optimizer(model, member, fused=task.fused), member)
        for model, member in zip(models, task.members, strict=True)
    ]

    def train(k: int, steps: int) -> float:
        (model, forward, optimizer, member), loss = jobs[k], None
        size = member["batch_size"]
        for start in batch_starts(len(images), size, steps):
            part = slice(start, start + size)
            torch.compiler.cudagraph_mark_step_begin()
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model, forward(images[part]), labels[part])
            loss.backward()
            optimizer.step()
        return float("nan") if loss is None else float(loss.detach())

    def run() -> Round:
        begin = time.perf_counter()
        losses = [train(k, task.steps) for k in range(len(jobs))]
        return Round(time.perf_counter() - begin, tuple(losses))

    for k in range(len(jobs)):
        train(k, 4)  # compiled, then recorded as graphs
    return Prepared(run)


def _compiled(model):
    """fullgraph: where a network cannot be compiled whole, that is an error and not slower."""
    return torch.compile(model, mode="reduce-overhead", fullgraph=True, dynamic=False)


def _allow_programs(count: int) -> None:
    """All members run one function's code, which PyTorch compiles eight times at most by itself."""
    import torch._dynamo  # pyright: ignore[reportMissingImports]

    limits = ("recompile_limit", "cache_size_limit")  # of later and of earlier versions
    name = next(name for name in limits if hasattr(torch._dynamo.config, name))
    setattr(torch._dynamo.config, name, 8 + 2 * count)
