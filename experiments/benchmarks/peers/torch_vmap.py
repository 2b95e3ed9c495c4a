"""torch.func: `vmap` of gradient and Adam over an equal-shape population."""

import time
from typing import Any

from .common import OPTIMISER, Prepared, Round, Task, batch_starts, check_equal_shapes
from .torch_model import loss_of, make_model, task_tensors, torch


def _adam(params, grads, moments, numbers, count: int) -> None:
    """In place, with L2 added to the gradient; each number is [P]."""
    for name, p in params.items():
        lr, decay, b1, b2 = (n.view(-1, *[1] * (p.dim() - 1)) for n in numbers)
        g = grads[name] + decay * p
        m, v = moments[name]
        m.mul_(b1).add_((1 - b1) * g)
        v.mul_(b2).add_((1 - b2) * g * g)
        p.sub_(lr * (m / (1 - b1**count)) / ((v / (1 - b2**count)).sqrt() + 1e-8))


def prepare(task: Task) -> Prepared:
    """Trains all members at once; raises ConfigError unless their shapes agree."""
    check_equal_shapes(task.members)
    torch.set_num_threads(task.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    models = [make_model(task, member) for member in task.members]
    params, buffers = torch.func.stack_module_state(models)
    params = {k: p.detach() for k, p in params.items()}
    moments = {k: (torch.zeros_like(p), torch.zeros_like(p)) for k, p in params.items()}
    numbers = [
        torch.tensor([float(m[name]) for m in task.members], device=task.device)
        for name in OPTIMISER
    ]
    x, y = task_tensors(task)

    def objective(params, buffers, x, y):
        fresh = {k: b.clone() for k, b in buffers.items()}  # batch norm writes into them
        logits = torch.func.functional_call(models[0], (params, fresh), (x,))
        return loss_of(models[0], logits, y), fresh

    grad = torch.func.grad_and_value(objective, has_aux=True)
    step = torch.func.vmap(grad, in_dims=(0, 0, None, None), randomness="different")
    size, count = task.members[0]["batch_size"], 0

    def train(steps: int) -> Any:
        nonlocal buffers, count
        loss: Any = None
        for start in batch_starts(len(x), size, steps):
            part, count = slice(start, start + size), count + 1
            grads, (loss, buffers) = step(params, buffers, x[part], y[part])
            _adam(params, grads, moments, numbers, count)
        return loss

    def run() -> Round:
        begin = time.perf_counter()
        loss = train(task.steps)
        return Round(time.perf_counter() - begin, tuple(loss.tolist()))

    train(1)
    return Prepared(run)
