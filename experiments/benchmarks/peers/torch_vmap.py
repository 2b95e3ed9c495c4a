"""torch.func: `vmap` of gradient and Adam over an equal-shape population."""

import time
from collections.abc import Sequence

import numpy as np

from .common import Config, Timing, batch_starts, check_equal_shapes
from .torch_model import F, TorchClassifier, as_tensors, torch


def _adam(params, grads, moments, numbers, count: int) -> None:
    """In place, with L2 added to the gradient; each number is [P]."""
    for name, p in params.items():
        lr, decay, b1, b2 = (n.view(-1, *[1] * (p.dim() - 1)) for n in numbers)
        g = grads[name] + decay * p
        m, v = moments[name]
        m.mul_(b1).add_((1 - b1) * g)
        v.mul_(b2).add_((1 - b2) * g * g)
        p.sub_(lr * (m / (1 - b1**count)) / ((v / (1 - b2**count)).sqrt() + 1e-8))


def run(
    members: Sequence[Config],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int,
    threads: int = 2,
) -> Timing:
    """Trains all members at once; raises ConfigError unless their shapes agree."""
    check_equal_shapes(members)
    begin = time.perf_counter()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    models = [TorchClassifier(member).train() for member in members]
    params, buffers = torch.func.stack_module_state(models)
    params = {k: p.detach() for k, p in params.items()}
    moments = {k: (torch.zeros_like(p), torch.zeros_like(p)) for k, p in params.items()}
    names = ("lr", "weight_decay", "beta_1", "beta_2")
    numbers = [torch.tensor([float(m[name]) for m in members]) for name in names]
    x, y = as_tensors(images, labels)

    def loss_of(params, buffers, x, y):
        fresh = {k: b.clone() for k, b in buffers.items()}  # batch norm writes into them
        return F.cross_entropy(
            torch.func.functional_call(models[0], (params, fresh), (x,)), y
        ), fresh

    grad = torch.func.grad_and_value(loss_of, has_aux=True)
    step = torch.func.vmap(grad, in_dims=(0, 0, None, None), randomness="different")
    size, ready, loss = members[0]["batch_size"], begin, None
    for count, start in enumerate([0, *batch_starts(len(images), size, steps)], 1):
        part = slice(start, start + size)
        grads, (loss, buffers) = step(params, buffers, x[part], y[part])
        _adam(params, grads, moments, numbers, count)
        if count == 1:  # the first step warms up
            ready = time.perf_counter()
    return Timing(time.perf_counter() - ready, ready - begin, tuple(loss.tolist()))
