"""A network's layers as text."""

from collections.abc import Mapping
from typing import Any

import jax

from hptjax.config.model import AnyModel
from hptjax.models.chain import chain_of
from hptjax.models.signature import net_shape, walk

HEADINGS = ("layer", "", "gives", "parameters")


def layer_rows(config: AnyModel) -> list[tuple[str, str, str, str]]:
    """Returns a row for each layer: its name, its options, its output shape, its parameters."""
    rows = []
    for placed, incoming in walk(net_shape(config).signature.incoming, chain_of(config)):
        count = sum(weight.size for weight in placed.layer.weights(incoming).values())
        out = placed.layer.out(incoming)
        shape = " x ".join(map(str, (*out[1:], out[0])))
        rows.append((placed.name, placed.layer.summary(), shape, f"{count:,}"))
    return rows


def summary_of(config: AnyModel, variables: Mapping[str, Any], title: str) -> str:
    """Returns the rows of all layers, a line each."""
    rows = [HEADINGS, *layer_rows(config)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
        for a, b, c, d in rows
    ]
    held = sum(leaf.size for leaf in jax.tree.leaves(variables))
    return "\n".join([title, *lines, f"{held:,} numbers, running statistics among them"])
