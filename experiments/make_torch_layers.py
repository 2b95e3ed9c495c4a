"""Freezes PyTorch's results for single layers, as the reference of tests/test_torch_layers.py.

    pip install 'hptjax[bench]'
    python -m experiments.make_torch_layers          # writes tests/data/torch_layers.npz

Per case, with NAME a state-dict name:

    {case}/layer         JSON text: the layer's tree
    {case}/x             [B, C, H, W], or [B, N]: the input
    {case}/init/NAME     the layer's weights
    {case}/y, {case}/g   the output in training, and a gradient of it
    {case}/grad/x, {case}/grad/NAME
    {case}/last/x, {case}/last/NAME   after STEPS steps of SGD, which bring y to g, from x and init

All is computed in float64 from float32 values and stored as float32, so that a test sees only its
own rounding.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.peers.common import import_torch

torch = import_torch()

from torch import nn  # noqa: E402  # pyright: ignore[reportMissingImports]
from torch.nn import functional as F  # noqa: E402  # pyright: ignore[reportMissingImports]

MAPS = (3, 4, 7, 6)  # images, channels, rows, columns
UNITS = (3, 8)
STEPS, LR, MOMENTUM = 10, 0.01, 0.9  # of the loss: half the sum of squares of y - g
Chain = dict[str, nn.Module]  # by the first part of the weights' names


class Block(nn.Module):
    """conv - norm - relu - conv - norm, plus a projection or the identity, then relu."""

    def __init__(self, after: int, stride: int, projects: bool) -> None:
        super().__init__()
        before = MAPS[1]
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(after)
        if projects:
            self.projection = nn.Conv2d(before, after, 1, stride)
            self.norm_projection = nn.BatchNorm2d(after)
        self.after, self.stride, self.projects = after, stride, projects

    def forward(self, x: Any) -> Any:
        y = self.norm1(self.conv1(x)).relu()
        y = self.norm2(self.conv2(y))
        if self.projects:
            return (y + self.norm_projection(self.projection(x))).relu()
        x = x[:, : self.after, :: self.stride, :: self.stride]
        return (y + F.pad(x, (0, 0, 0, 0, 0, self.after - x.shape[1]))).relu()


def conv(size: Any = 3, padding: Any = "same", **options: Any) -> nn.Module:
    return nn.Conv2d(MAPS[1], options.pop("after", 6), size, padding=padding, **options)


def cases() -> list[tuple[str, Any, nn.Module | Chain]]:
    """Name, tree and PyTorch's module of each case; a dict is a chain of modules."""
    wide = {"out_channels": 6}
    oblong = {"kernel_size": [5, 2], "stride": 2, "padding": 0}
    overlapping = {"size": 3, "stride": 2, "padding": 1}
    identity = {"stride": 2, "shortcut": "identity"}
    deep = {"stride": 2, "padding": 1, "after": 4, "groups": 4}
    thin: Chain = {
        "depthwise": conv(**deep, bias=False),
        "conv": conv(1),
        "norm": nn.GroupNorm(2, 6),
        "activation": nn.SiLU(),
    }
    separable = {"stride": 2, "norm": {"group": 2}, "activation": "silu"}
    return [
        ("max_pool", {"max_pool": 2}, nn.MaxPool2d(2)),
        ("max_pool overlapping", {"max_pool": overlapping}, nn.MaxPool2d(3, 2, 1)),
        ("avg_pool", {"avg_pool": 3}, nn.AvgPool2d(3)),
        ("group_norm", {"group_norm": 2}, nn.GroupNorm(2, 4)),
        ("group_norm of units", {"group_norm": 2}, nn.GroupNorm(2, UNITS[1])),
        ("layer_norm", "layer_norm", nn.GroupNorm(1, 4)),
        ("layer_norm of units", "layer_norm", nn.LayerNorm(UNITS[1])),
        ("instance_norm", "instance_norm", nn.InstanceNorm2d(4, affine=True)),
        ("depthwise", {"depthwise": {"stride": 2}}, {"conv": conv(**deep)}),
        ("separable", {"separable": wide | separable}, thin),
        ("conv dilated", {"conv": wide | {"dilation": 2}}, {"conv": conv(dilation=2)}),
        ("conv oblong", {"conv": wide | oblong}, {"conv": conv((5, 2), 0, stride=2)}),
        ("conv even", {"conv": wide | {"kernel_size": 4}}, {"conv": conv(4)}),
        ("residual projection", {"residual": wide | {"stride": 2}}, Block(6, 2, True)),
        ("residual identity", {"residual": wide | identity}, Block(6, 2, False)),
    ]


def freeze(tree: Any, module: nn.Module, x: Any) -> dict[str, Any]:
    """The arrays of one case by name, without the case."""
    generator = torch.Generator().manual_seed(0)
    for value in module.parameters():  # scales and shifts start as ones and zeros
        value.data += 0.1 * torch.randn(value.shape, generator=generator)
    out = {"layer": json.dumps(tree), "x": x}
    out |= {f"init/{name}": value.detach().clone() for name, value in module.named_parameters()}

    module.double()
    x = x.double().requires_grad_()
    y = module(x)
    g = torch.randn(y.shape, generator=generator)
    y.backward(g.double())
    for name, value in module.named_parameters():
        assert value.grad is not None, f"the output does not depend on {name}"
        out[f"grad/{name}"] = value.grad.clone()
    out |= {"y": y.detach(), "g": g, "grad/x": x.grad.clone()}
    return out | {f"last/{name}": value for name, value in descended(module, x, g.double()).items()}


def descended(module: nn.Module, x: Any, target: Any) -> dict[str, Any]:
    """The input and the weights, by name, after STEPS steps that change both."""
    parameters = {"x": x, **dict(module.named_parameters())}
    optimizer = torch.optim.SGD(parameters.values(), LR, MOMENTUM)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * (module(x) - target).square().sum()).backward()
        optimizer.step()
    return {name: value.detach() for name, value in parameters.items()}


def as_array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tests/data/torch_layers.npz"))
    out = parser.parse_args().out
    torch.manual_seed(0)
    arrays: dict[str, Any] = {}
    for case, tree, module in cases():
        own = nn.Sequential() if isinstance(module, dict) else module
        for name, part in module.items() if isinstance(module, dict) else ():
            own.add_module(name, part)
        x = torch.randn(UNITS if "units" in case else MAPS)
        if "max" in case:
            x = (2 * x).round()  # several elements are the largest
        frozen = freeze(tree, own, x)
        arrays |= {f"{case}/{name}": as_array(value) for name, value in frozen.items()}
    np.savez_compressed(out, **arrays)
    print(f"{out}: {len(arrays)} arrays, {out.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
