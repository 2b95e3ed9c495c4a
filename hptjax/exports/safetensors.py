"""Our own form: weights, config and notes in one safetensors file, which any reader can open."""

from pathlib import Path

from hptjax.models.network import Network


def write(network: Network, path: Path) -> None:
    """Writes the network, with its class names and what is done to images."""
    network.save(path)
