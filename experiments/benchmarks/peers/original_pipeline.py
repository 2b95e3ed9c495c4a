"""An epoch in the shape of the original's pipeline: PIL transforms, DataLoader with 2 workers."""

import time

import numpy as np
from PIL import Image

from .common import Prepared, Round, Task
from .torch_model import TorchClassifier, loss_of, make_optimizer, torch, train_step

WORKERS = 2


class PilImages(torch.utils.data.Dataset):
    """Horizontal flip p=.5, rotation U(-30, 30) nearest, scaling to [0, 1]; per image, in PIL."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        image = Image.fromarray(self.images[index, :, :, 0])
        if torch.rand(1) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        angle = float(torch.empty(1).uniform_(-30, 30))
        image = image.rotate(angle, Image.Resampling.NEAREST, fillcolor=0)
        pixels = torch.from_numpy(np.array(image, dtype=np.uint8))[None].float().div_(255)
        return pixels, int(self.labels[index])


def prepare(task: Task) -> Prepared:
    """A round is one epoch of the first member: train on 4/5 of the images, validate on the rest.

    Augmentation is on both sets, as in the original. The workers live on between epochs, so that
    starting them is not counted (the original starts them anew for every epoch).
    """
    torch.set_num_threads(task.threads)
    torch.manual_seed(0)
    member, cut = task.members[0], len(task.images) * 4 // 5
    parts = (slice(cut), True), (slice(cut, None), False)
    train, validation = (
        torch.utils.data.DataLoader(
            PilImages(task.images[part], task.labels[part]),
            member["batch_size"],
            shuffle=shuffle,
            num_workers=WORKERS,
            persistent_workers=True,
        )
        for part, shuffle in parts
    )
    model = TorchClassifier(member)
    optimizer = make_optimizer(model, member, fused=task.fused)

    def run() -> Round:
        begin = time.perf_counter()
        model.train()
        loss = [train_step(model, optimizer, x, y) for x, y in train][-1]
        model.eval()
        with torch.no_grad():
            for x, y in validation:
                loss_of(model, model(x), y).item()
        return Round(time.perf_counter() - begin, (float(loss),))

    for loader in (train, validation):
        next(iter(loader))  # starts the workers
    return Prepared(run)
