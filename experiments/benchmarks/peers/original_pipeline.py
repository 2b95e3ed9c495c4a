"""An epoch in the shape of the original's pipeline: PIL transforms, DataLoader with 2 workers."""

import time

import numpy as np
from PIL import Image

from .common import Config, Timing
from .torch_model import TorchClassifier, make_optimizer, torch, train_step


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


def run(
    member: Config,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    fraction: float = 1.0,
    workers: int = 2,
) -> Timing:
    """Seconds of one epoch: train on 4/5 of the images, validate on the rest.

    With `fraction` < 1 that part of each set is used and the seconds are scaled up by 1/fraction.
    Augmentation is on both sets, as in the original. Starting the workers is part of an epoch.
    """
    torch.manual_seed(0)
    cut = len(images) * 4 // 5
    bounds = (0, int(cut * fraction)), (cut, cut + int((len(images) - cut) * fraction))
    size = member["batch_size"]
    begin = time.perf_counter()
    train, validation = (
        torch.utils.data.DataLoader(
            PilImages(images[a:b], labels[a:b]), size, shuffle=a == 0, num_workers=workers
        )
        for a, b in bounds
    )
    model = TorchClassifier(member)
    optimizer = make_optimizer(model, member)
    ready = time.perf_counter()
    model.train()
    loss = [train_step(model, optimizer, x, y) for x, y in train][-1]
    model.eval()
    with torch.no_grad():
        for x, y in validation:
            torch.nn.functional.cross_entropy(model(x), y).item()
    return Timing((time.perf_counter() - ready) / fraction, ready - begin, (float(loss),))
