"""Our own format: weights, config and notes in one safetensors file, which any reader opens."""

from pathlib import Path

from hptjax.models.network import Network


def write(network: Network, path: Path) -> None:
    """Writes the network, with its class names and the preprocessing of images."""
    network.save(path)
