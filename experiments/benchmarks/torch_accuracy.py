"""Accuracy of the default model in PyTorch on FashionMNIST, to compare hptjax with.

python -m experiments.benchmarks.torch_accuracy FOLDER --seeds 0 1 2 --epochs 5 [--augment]
"""

import argparse
import math
from pathlib import Path

import numpy as np

from .peers.common import default_member, fashion_mnist
from .peers.torch_model import (
    F,
    Module,
    Tensor,
    TorchClassifier,
    as_tensors,
    make_optimizer,
    torch,
    train_step,
)


def augment(x: Tensor) -> Tensor:
    """Flip p=0.5 and rotation U(-30, 30) degrees, nearest, fill 0. x: square, [B, C, H, W]."""
    angle = (torch.rand(len(x)) * 2 - 1) * math.pi / 6
    flip = torch.where(torch.rand(len(x)) < 0.5, -1.0, 1.0)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(len(x))
    rows = torch.stack([flip * cos, flip * -sin, zero, sin, cos, zero], 1)
    grid = F.affine_grid(rows.view(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", align_corners=False)


@torch.no_grad()
def evaluate(model: Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """The mean loss and accuracy, with running statistics."""
    model.eval()
    logits = torch.cat([model(part) for part in x.split(1000)])
    return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def train(x: Tensor, y: Tensor, *, seed: int, epochs: int, augmented: bool) -> Module:
    """Trains the default model for `epochs` shuffled epochs; drops a partial last batch."""
    torch.manual_seed(seed)
    member = default_member()
    model = TorchClassifier(member)
    optimizer, size = make_optimizer(model, member), member["batch_size"]
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(x))[: len(x) // size * size].split(size):
            train_step(model, optimizer, augment(x[batch]) if augmented else x[batch], y[batch])
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with FashionMNIST's four idx.gz files")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--augment", action="store_true")
    parser.add_argument("--limit", type=int, default=60_000, help="images for a smoke run")
    args = parser.parse_args()
    x, y = as_tensors(*(a[: args.limit] for a in fashion_mnist(args.folder, "train")))
    x_test, y_test = as_tensors(*fashion_mnist(args.folder, "t10k"))
    for seed in args.seeds:
        order = np.random.default_rng(seed).permutation(len(x))
        inner, held = order[: len(x) * 4 // 5], order[len(x) * 4 // 5 :]
        options = {"seed": seed, "epochs": args.epochs, "augmented": args.augment}
        model = train(x[inner], y[inner], **options)
        loss, accuracy = evaluate(model, x[held], y[held])
        test = evaluate(model, x_test, y_test)[1]
        print(f"{seed=} val_loss={loss:.4f} val_accuracy={accuracy:.4f} test_accuracy={test:.4f}")


if __name__ == "__main__":
    main()
