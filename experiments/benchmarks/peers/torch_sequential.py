"""PyTorch, eager, exact shapes, one member after another in one process."""

import time

from .common import Prepared, Round, Task, batch_starts
from .torch_model import make_model, make_optimizer, task_tensors, torch, train_step


class Jobs:
    """The networks and optimisers of a task, warmed up, and its images in memory."""

    def __init__(self, task: Task, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)  # as XLA does
        torch.manual_seed(0)
        self._images, self._labels = task_tensors(task)
        models = [make_model(task, member) for member in task.members]
        self._jobs = [
            (model, make_optimizer(model, member, fused=task.fused), member["batch_size"])
            for model, member in zip(models, task.members, strict=True)
        ]
        for k in range(len(self._jobs)):
            self.train(k, 2)

    def __len__(self) -> int:
        return len(self._jobs)

    def train(self, k: int, steps: int) -> float:
        """Trains member k for some steps; returns the last loss."""
        (model, optimizer, size), loss = self._jobs[k], float("nan")
        for start in batch_starts(len(self._images), size, steps):
            part = slice(start, start + size)
            loss = train_step(model, optimizer, self._images[part], self._labels[part])
        return float(loss)


def prepare(task: Task) -> Prepared:
    """Trains the members in turn with `threads` intra-op threads."""
    jobs = Jobs(task, task.threads)

    def run() -> Round:
        begin = time.perf_counter()
        losses = [jobs.train(k, task.steps) for k in range(len(jobs))]
        return Round(time.perf_counter() - begin, tuple(losses))

    return Prepared(run)
