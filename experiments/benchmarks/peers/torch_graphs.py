"""PyTorch on a GPU, exact shapes: a CUDA graph of each member's whole training step.

A graph is launched at once, where an eager step launches some hundred operations one by one.
"""

import time

from .common import Prepared, Round, Task, batch_starts
from .torch_model import loss_of, make_model, make_optimizer, task_tensors, torch, train_step

WARM_UP = 5  # eager steps: PyTorch wants some before it records


class Recorded:
    """A member, the place its batches are copied to, and the graph of its step."""

    def __init__(self, task: Task, member, images, labels) -> None:
        self.size = member["batch_size"]
        self._images = images[: self.size].clone(memory_format=torch.preserve_format)
        self._labels = labels[: self.size].clone()
        model = make_model(task, member)
        optimizer = make_optimizer(model, member, fused=True, capturable=True)
        torch.cuda.synchronize()  # the copies above are on another stream
        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(WARM_UP):
                train_step(model, optimizer, self._images, self._labels)
        torch.cuda.synchronize()
        optimizer.zero_grad(set_to_none=True)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self.loss = loss_of(model, model(self._images), self._labels)
            self.loss.backward()
            optimizer.step()

    def step(self, images, labels) -> None:
        """Trains on a batch, on the current stream."""
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()


def prepare(task: Task) -> Prepared:
    """Trains all members a step at a time, dealt to `streams` streams."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    images, labels = task_tensors(task)
    jobs = [Recorded(task, member, images, labels) for member in task.members]
    streams = [torch.cuda.Stream() for _ in range(task.streams)]

    def train(steps: int) -> None:
        starts = [batch_starts(len(images), job.size, steps) for job in jobs]
        for i in range(steps):
            for k, job in enumerate(jobs):
                part = slice(starts[k][i], starts[k][i] + job.size)
                with torch.cuda.stream(streams[k % len(streams)]):
                    job.step(images[part], labels[part])
        torch.cuda.synchronize()

    def run() -> Round:
        begin = time.perf_counter()
        train(task.steps)
        return Round(time.perf_counter() - begin, tuple(float(job.loss) for job in jobs))

    train(2)
    return Prepared(run)
