"""What the members of one program may have; the program holds nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass

from hptjax.config.schema import ModelConfig


@dataclass(frozen=True, slots=True)
class LayerChoices:
    """What the members of a program may have in one MLP layer; the program holds nothing else.

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


def choices_of(configs: Iterable[ModelConfig]) -> tuple[LayerChoices, ...]:
    """What these networks have in each MLP layer, as deep as the deepest."""
    seen: list[set[tuple[str, bool, bool]]] = []
    for config in configs:
        mlp = config.mlp_config
        for i, (layer, name) in enumerate(
            zip(mlp.block_list, mlp.computed_activations, strict=True)
        ):
            seen += [set()] if i == len(seen) else []
            seen[i].add((name, layer.batch_norm, layer.dropout > 0))
    return tuple(
        LayerChoices(
            tuple(sorted({name for name, _, _ in layer})),
            tuple(sorted({norm for _, norm, _ in layer})),
            any(dropout for _, _, dropout in layer),
        )
        for layer in seen
    )
