"""Freezes PyTorch's results for the study's network, as the reference of the parity tests.

    pip install 'hptjax[bench]'
    python -m experiments.make_torch_reference          # writes tests/data/torch_reference.npz

Cases: `default` (the study's kinds of layer), `tanh` (kernel 5, stride 3, batch norm off, uneven
pooling), `even_same` (even kernels, padding "same", stride 1, sigmoid) and `even_strided` (the same
with stride 2, which PyTorch does by an explicit pad of (k-1)//2 before and k//2 after).
Per case, with NAME a state-dict name (`first_conv.{weight,bias}`,
`blocks.{i}.{conv1,bn1,conv2,bn2,conv_proj,bn_proj}.*`, `mlp.{i}.{linear,bn}.*`):

    {case}/config        JSON text: the member's dict (dropout 0)
    {case}/images        [B, C, H, W] in [0, 1];  {case}/labels [B]: the batch of every step
    {case}/init/NAME     parameters and running statistics before training
    {case}/logits        [B, K], train mode, at init;  {case}/loss  scalar
    {case}/grad/NAME     gradient of the loss at init, without the L2 term
    {case}/losses        [5], before each of the steps;  losses[0] == loss
    {case}/step1/NAME    parameters and running statistics after one Adam-L2 step;  step5: five
    {case}/eval_logits   [B, K], evaluation mode, after five steps

All is computed in float64 from float32 initial values and stored as float32, so that a test sees
only its own rounding. PyTorch's running variance is unbiased: n/(n-1) times the batch's, with
momentum 0.1. The gradient of a bias before a batch norm is zero up to rounding, which Adam would
blow up to a full step: the weight decay of the cases keeps those updates well defined.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.peers.common import import_torch

torch = import_torch()

from experiments.benchmarks.peers.torch_model import (  # noqa: E402 - needs torch
    TorchClassifier,
    make_optimizer,
    train_step,
)

Module = torch.nn.Module
Tensor = torch.Tensor
BATCH = 8
STEPS = 5
Block = tuple[int, int, int, int, int | str]  # in, out, kernel, stride, padding
Layer = tuple[int, int, str, bool]  # in, out, activation, batch norm


def member(convs: list[Block], pool: int, layers: list[Layer], size: int) -> dict[str, Any]:
    """A member's dict from its first convolution and blocks, pooling and MLP."""
    keys = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
    first, *blocks = (dict(zip(keys, conv, strict=True)) for conv in convs)
    slp_keys = ("in_size", "out_size", "activation_fun", "batch_norm")
    mlp = [dict(zip(slp_keys, layer, strict=True)) | {"dropout": 0.0} for layer in layers]
    return {
        "weight_decay": 0.01,
        "batch_size": BATCH,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "lr": 0.01,
        "init_width": size,
        "init_length": size,
        "resnet_config": {"first_conv": first, "block_list": blocks, "pool_size": pool},
        "mlp_config": {"block_list": mlp},
        "img_key": 0,
        "class_key": 1,
    }


def cases() -> dict[str, dict[str, Any]]:
    head = ("logsoftmax", False)
    return {
        "default": member(
            [(1, 6, 3, 2, 1), (6, 5, 3, 2, 1), (5, 4, 3, 1, "same")],
            pool=2,
            layers=[(16, 7, "relu", True), (7, 10, *head)],
            size=14,
        ),
        "tanh": member(
            [(2, 5, 5, 1, 1), (5, 4, 5, 3, 2)],
            pool=3,
            layers=[(4, 6, "tanh", False), (6, 10, "none", False)],
            size=12,
        )
        | {"beta_1": 0.8, "beta_2": 0.99},
        "even_same": member(
            [(3, 4, 2, 1, "same"), (4, 5, 4, 1, "same")],
            pool=2,
            layers=[(80, 6, "sigmoid", True), (6, 10, *head)],
            size=9,
        ),
        "even_strided": member(
            [(1, 4, 4, 2, "same"), (4, 5, 2, 2, "same")],
            pool=1,
            layers=[(45, 6, "none", True), (6, 10, *head)],
            size=10,
        )
        | {"lr": 0.003},
    }


def state(model: Module, prefix: str) -> dict[str, np.ndarray]:
    """Copies of parameters and running statistics, without the count of batches."""
    return {
        f"{prefix}/{name}": value.detach().numpy().astype(np.float32)
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def freeze(config: dict[str, Any], seed: int) -> dict[str, Any]:
    """Trains one case for five steps on one batch; returns arrays by name, without the case."""
    torch.manual_seed(seed)
    model = TorchClassifier(config)  # drawn in float32, so the stored values are the exact ones
    shape = (BATCH, config["resnet_config"]["first_conv"]["in_channels"])
    images = torch.rand(*shape, config["init_length"], config["init_width"])
    labels = torch.randint(0, 10, (BATCH,))
    out: dict[str, Any] = {"config": json.dumps(config), "images": images, "labels": labels}
    out |= state(model, "init")

    model.double()
    images = images.double()
    optimizer = make_optimizer(model, config)
    seen: list[Tensor] = []
    hook = model.register_forward_hook(lambda _, __, logits: seen.append(logits.detach()))
    losses = []
    for step in range(1, STEPS + 1):
        losses.append(train_step(model, optimizer, images, labels))
        if step == 1:  # the gradients are those at init: Adam-L2 does not write into them
            out |= {f"grad/{name}": p.grad.clone() for name, p in model.named_parameters()}
        if step in (1, STEPS):
            out |= state(model, f"step{step}")
    hook.remove()
    model.eval()
    with torch.no_grad():
        out["eval_logits"] = model(images)
    return out | {"logits": seen[0], "loss": losses[0], "losses": torch.stack(losses)}


def as_array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype({"f": np.float32, "i": np.int32}.get(array.dtype.kind, array.dtype))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tests/data/torch_reference.npz"))
    out = parser.parse_args().out
    arrays: dict[str, Any] = {
        f"{case}/{name}": as_array(value)
        for seed, (case, config) in enumerate(cases().items())
        for name, value in freeze(config, seed).items()
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, **arrays)
    print(f"{out}: {len(arrays)} arrays, {out.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
