"""Writes PyTorch: weights as .pt, and beside it the source of a module, which needs no hptjax."""

import io
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from hptjax.errors import ConfigError, MissingExtraError
from hptjax.exports.graph import Graph, names_table, tensors_of
from hptjax.exports.lower import lowered
from hptjax.exports.torch_source import MARK, source_of
from hptjax.models.network import Network
from hptjax.records.files import replace_file


def write(network: Network, path: Path) -> None:
    """Writes best.pt and beside it best_net.py, whose `load()` returns the network in PyTorch.

    best.pt is a dict of state_dict, class_names, preprocess and names, the table of Flax's and
    PyTorch's names; `torch.load(path, weights_only=True)` reads it. Raises ConfigError for a layer
    that PyTorch cannot hold, and if another file has the name of the source; MissingExtraError
    without torch.
    """
    torch = _torch()
    graph = lowered(network.config, network.variables)
    module = source_path(path)
    if module.exists() and MARK not in module.read_text(errors="replace")[:200]:
        raise ConfigError(f"export {path}: {module} is there already, and not of hptjax.")
    content = {
        "state_dict": state_dict(torch, graph),
        "class_names": list(network.class_names),
        "preprocess": network.preprocess.to_dict(),
        "names": names_table(graph),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, buffer.getvalue())
    replace_file(module, source_of(network, graph, path.name).encode())


def source_path(path: Path) -> Path:
    """Returns the path of the module's source: a name that Python can import."""
    stem = re.sub(r"\W", "_", path.stem)
    return path.with_name(f"{'_' if stem[0].isdigit() else ''}{stem}_net.py")


def state_dict(torch: ModuleType, graph: Graph) -> dict[str, Any]:
    """Returns the arrays under PyTorch's names; adds the batch counters of batch norms."""
    state = {
        name: torch.from_numpy(np.array(tensor.value)) for name, tensor in tensors_of(graph).items()
    }
    for node in graph:
        if node.op == "batch_norm":
            state[f"{node.name}.num_batches_tracked"] = torch.tensor(0)
    return state


def _torch() -> ModuleType:
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingExtraError("export to .pt", "torch", "torch") from None
    return torch
