"""Names and shapes of every weight and running statistic of one network, in the engine's layout.

Convolution kernels are [O, k, k, C]; the first MLP layer, which reads the pooled maps, is [M, C, H,
W]; later layers [M, N]. The flat index of a weight in its true shape decides its initial value, so
padding never moves a draw.
"""

from dataclasses import dataclass

from hptjax.models.signature import Signature, Widths, map_sizes


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight array: its true shape, and the fan-in that scales its initial values (None: fixed
    values).
    """

    shape: tuple[int, ...]
    fan_in: int | None = None
    fill: float = 0.0


def weights(signature: Signature, widths: Widths) -> dict[str, Weight]:
    """All trained arrays of a network: {name: Weight}."""
    out: dict[str, Weight] = {}
    first, channels = signature.first, widths.channels
    _layer(out, "first_conv", (channels[0], first[0], first[0], signature.image[2]))
    for i, (kernel, _) in enumerate(signature.blocks):
        before, after = channels[i], channels[i + 1]
        _layer(out, f"blocks.{i}.conv1", (after, kernel, kernel, before), norm=f"blocks.{i}.bn1")
        _layer(out, f"blocks.{i}.conv2", (after, kernel, kernel, after), norm=f"blocks.{i}.bn2")
        _layer(out, f"blocks.{i}.conv_proj", (after, 1, 1, before), norm=f"blocks.{i}.bn_proj")
    inputs = (channels[-1], *map_sizes(signature)[-1])
    for i, units in enumerate(widths.units):
        _layer(out, f"mlp.{i}.linear", (units, *inputs), norm=f"mlp.{i}.bn")
        inputs = (units,)
    return out


def statistics(signature: Signature, widths: Widths) -> dict[str, Weight]:
    """All running statistics of a network: {name: Weight}."""
    norms = [n[: -len(".scale")] for n in weights(signature, widths) if n.endswith(".scale")]
    shapes = {n: weights(signature, widths)[f"{n}.scale"].shape for n in norms}
    mean = {f"{n}.mean": Weight(shape) for n, shape in shapes.items()}
    return mean | {f"{n}.var": Weight(shape, fill=1.0) for n, shape in shapes.items()}


def _layer(
    out: dict[str, Weight], name: str, shape: tuple[int, ...], norm: str | None = None
) -> None:
    fan_in = 1
    for n in shape[1:]:
        fan_in *= n
    out[f"{name}.kernel"] = Weight(shape, fan_in)
    out[f"{name}.bias"] = Weight(shape[:1], fan_in)
    if norm is not None:
        out[f"{norm}.scale"] = Weight(shape[:1], fill=1.0)
        out[f"{norm}.shift"] = Weight(shape[:1])
