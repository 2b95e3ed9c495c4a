"""Augmentations of a batch [B, C, H, W] as whole tensors, an own draw for each image."""

import math

import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]
from torch import Tensor  # pyright: ignore[reportMissingImports]


def crop(x: Tensor, padding: int) -> Tensor:
    """A random window of the image's size in the image with a black frame."""
    count, height, width = len(x), *x.shape[2:]
    padded = F.pad(x, (padding,) * 4)
    tops, lefts = torch.randint(2 * padding + 1, (2, count, 1))
    rows, columns = tops + torch.arange(height), lefts + torch.arange(width)
    image = torch.arange(count)[:, None, None]
    picked = padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2)  # channels_last; a copy where the network wants another


def flip(x: Tensor) -> Tensor:
    """Mirrors each image left-right with chance 1/2."""
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)


def rotate(x: Tensor, degrees: float) -> Tensor:
    """Rotates each image by U(-degrees, degrees), nearest neighbour, fill 0. x: square."""
    angle = (torch.rand(len(x)) * 2 - 1) * math.radians(degrees)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(len(x))
    rows = torch.stack([cos, -sin, zero, sin, cos, zero], 1)
    grid = F.affine_grid(rows.view(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", align_corners=False)
