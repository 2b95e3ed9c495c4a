"""What the members of one program may have; the program holds nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hptjax.config.schema import ModelConfig


@dataclass(frozen=True, slots=True)
class LayerChoices:
    """What the members of a program may have in one MLP layer.

    activations: names, sorted; norms: whether batch norm is off, on or either; dropout: whether any
    rate is above zero.
    """

    activations: tuple[str, ...]
    norms: tuple[bool, ...]
    dropout: bool

    def covers(self, other: "LayerChoices") -> bool:
        """Whether a program of these choices can train a network of the other's."""
        return (
            set(other.activations) <= set(self.activations)
            and set(other.norms) <= set(self.norms)
            and other.dropout <= self.dropout
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """What the members of a program may have.

    layers: in each MLP layer. stages: the activations, sorted, of the first convolution and of each
    block. Both are as long as in the deepest network.
    """

    layers: tuple[LayerChoices, ...]
    stages: tuple[tuple[str, ...], ...]

    def covers(self, other: "Choices") -> bool:
        """Whether a program of these choices can train a network of the other's."""
        return (
            len(other.layers) <= len(self.layers)
            and len(other.stages) <= len(self.stages)
            and all(a.covers(b) for a, b in zip(self.layers, other.layers, strict=False))
            and all(set(b) <= set(a) for a, b in zip(self.stages, other.stages, strict=False))
        )


def choices_of(configs: Iterable[ModelConfig]) -> Choices:
    """What these networks have."""
    configs = list(configs)
    layers = _by_place([_layers(config) for config in configs])
    stages = _by_place([stage_activations(config) for config in configs])
    return Choices(
        layers=tuple(
            LayerChoices(
                tuple(sorted({name for name, _, _ in layer})),
                tuple(sorted({norm for _, norm, _ in layer})),
                any(dropout for _, _, dropout in layer),
            )
            for layer in layers
        ),
        stages=tuple(tuple(sorted(names)) for names in stages),
    )


def stage_activations(config: ModelConfig) -> tuple[str, ...]:
    """The activation of the first convolution, then that of each block."""
    net = config.resnet_config
    return (net.first_conv.activation_fun, *(block.activation_fun for block in net.block_list))


def _layers(config: ModelConfig) -> list[tuple[str, bool, bool]]:
    mlp = config.mlp_config
    return [
        (name, layer.batch_norm, layer.dropout > 0)
        for layer, name in zip(mlp.block_list, mlp.computed_activations, strict=True)
    ]


def _by_place(networks: Sequence[Sequence[Any]]) -> list[set[Any]]:
    """What the networks have in each place, as long as the longest."""
    longest = max(map(len, networks), default=0)
    return [{own[i] for own in networks if i < len(own)} for i in range(longest)]
