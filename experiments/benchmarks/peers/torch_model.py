"""The study's network in PyTorch: the reference for hptjax's models and the torch peers' workload.

State-dict names: `first_conv.{weight,bias}`,
`blocks.{i}.{conv1,bn1,conv2,bn2,conv_proj,bn_proj}.*`, `mlp.{i}.{linear,bn}.*`.
"""

from collections.abc import Callable

import numpy as np

from .common import Config, Task, import_torch, pixels

torch = import_torch()
nn, F = torch.nn, torch.nn.functional
Tensor = torch.Tensor
Module = nn.Module
Optimizer = torch.optim.Optimizer
MemoryFormat = torch.memory_format

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "logsoftmax": lambda x: F.log_softmax(x, dim=1),
}


class Conv(nn.Conv2d):
    """Conv2d whose padding "same" means k-1 in total, the odd one at the end, for any stride.

    PyTorch itself refuses "same" with a stride; at stride 1 the two agree.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int | str = 0
    ) -> None:
        before, after = (kernel - 1) // 2, kernel // 2
        uneven = padding == "same" and before != after
        # an even kernel's uneven padding needs an explicit pad; elsewhere the convolution pads
        fixed = 0 if uneven else before if padding == "same" else int(padding)
        super().__init__(inputs, outputs, kernel, stride, fixed)
        self.uneven = (before, after, before, after) if uneven else None

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.uneven is None else F.pad(x, self.uneven))


class ResBlock(nn.Module):
    """conv-bn-relu-conv-bn plus a 1x1 conv-bn shortcut that is always there, then relu."""

    def __init__(self, block: Config) -> None:
        super().__init__()
        inputs, outputs = block["in_channels"], block["out_channels"]
        kernel, stride, padding = block["kernel_size"], block["stride"], block["padding"]
        self.conv1 = Conv(inputs, outputs, kernel, stride, padding)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = Conv(outputs, outputs, kernel, 1, padding)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv_proj = Conv(inputs, outputs, 1, stride)
        self.bn_proj = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + self.bn_proj(self.conv_proj(x)))


class SLPBlock(nn.Module):
    """Linear, optional batch norm, activation, dropout."""

    def __init__(self, block: Config) -> None:
        super().__init__()
        self.linear = nn.Linear(block["in_size"], block["out_size"])
        self.bn = nn.BatchNorm1d(block["out_size"]) if block["batch_norm"] else None
        self.activation = ACTIVATIONS[block["activation_fun"]]
        self.dropout = block["dropout"]

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        x = self.activation(x if self.bn is None else self.bn(x))
        # a rate of 0 would still draw a mask, and nobody should pay for that in a benchmark
        return F.dropout(x, self.dropout, self.training) if self.dropout else x


class TorchClassifier(nn.Module):
    """ResNet -> average pool (floor) -> flatten in C, H, W order -> MLP. x: [B, C, H, W]."""

    def __init__(self, member: Config) -> None:
        super().__init__()
        net = member["resnet_config"]
        conv = net["first_conv"]
        self.first_conv = Conv(
            conv["in_channels"],
            conv["out_channels"],
            conv["kernel_size"],
            conv["stride"],
            conv["padding"],
        )
        self.blocks = nn.ModuleList(ResBlock(block) for block in net["block_list"])
        self.pool_size = net["pool_size"]
        self.mlp = nn.ModuleList(SLPBlock(block) for block in member["mlp_config"]["block_list"])
        self.gives_logs = member["mlp_config"]["block_list"][-1]["activation_fun"] == "logsoftmax"

    def forward(self, x: Tensor) -> Tensor:
        x = self.first_conv(x)
        for block in self.blocks:
            x = block(x)
        x = F.avg_pool2d(x, self.pool_size).flatten(1)
        for block in self.mlp:
            x = block(x)
        return x


def make_model(task: Task, member: Config) -> TorchClassifier:
    """A member's network for training, in the task's layout on its device."""
    return TorchClassifier(member).to(task.device, memory_format=layout_of(task)).train()


def make_optimizer(
    model: Module, member: Config, *, fused: bool = False, capturable: bool = False
) -> Optimizer:
    """Adam with L2 added to the gradient (torch's `weight_decay`), not AdamW."""
    return torch.optim.Adam(
        model.parameters(),
        lr=member["lr"],
        betas=(member["beta_1"], member["beta_2"]),
        weight_decay=member["weight_decay"],
        fused=fused or None,
        capturable=capturable,
    )


def loss_of(model: TorchClassifier, outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy; outputs that are log-probabilities already are not normalised again."""
    loss = F.nll_loss if model.gives_logs else F.cross_entropy
    return loss(outputs, labels)


def train_step(
    model: TorchClassifier, optimizer: Optimizer, images: Tensor, labels: Tensor
) -> Tensor:
    """One step on a batch [B, C, H, W]; returns the loss before it (cross entropy, mean)."""
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(model, model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


def layout_of(task: Task) -> MemoryFormat:
    return torch.channels_last if task.channels_last else torch.contiguous_format


def task_tensors(task: Task) -> tuple[Tensor, Tensor]:
    """The images, in the task's layout, and labels of `as_tensors` on its device."""
    images, labels = as_tensors(task.images, task.labels)
    images = images.to(task.device).contiguous(memory_format=layout_of(task))
    return images, labels.to(task.device)


def as_tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    """uint8 [N, H, W, C] and labels -> float32 [N, C, H, W] in [0, 1] and int64 [N]."""
    planes = np.ascontiguousarray(pixels(images).transpose(0, 3, 1, 2))
    return torch.from_numpy(planes), torch.from_numpy(labels.astype(np.int64))
