"""How a platform runs the program: the one place that tells CPUs from accelerators."""

from dataclasses import dataclass

from hptjax.models.signature import Body, map_sizes
from hptjax.population.plan import Plan

PATCH_BYTES = 900_000  # patches of one tile of images should fit a core's second-level cache
MIN_TILE = 8  # images: fewer would leave the vector units half empty


@dataclass(frozen=True)
class Execution:
    """How the rows of each device are computed.

    tiles: images per cache tile, for each body. lanes: rows trained side by side by vmap; None: one
    after another.
    """

    tiles: tuple[int, ...]
    lanes: int | None


def execution_for(plan: Plan, platform: str, room: int, lanes: int | None = None) -> Execution:
    """The policy for a platform whose devices hold `room` rows each; lanes: to have one's own.

    A CPU trains one member after another, so that its weights and patches stay in the core's cache;
    an accelerator trains all rows side by side, on whole batches.
    """
    if platform == "cpu":
        tiles = tuple(tile_size(body) for body in plan.bodies)
        return Execution(tiles, None if lanes in (None, 1) else lanes)
    tiles = tuple(body.signature.batch_size for body in plan.bodies)
    return Execution(tiles, room if lanes is None else lanes)


def tile_size(body: Body) -> int:
    """The most images, a divisor of the batch, whose largest patches stay within PATCH_BYTES."""
    signature, channels = body.signature, body.widths.channels
    stages = zip(signature.blocks, channels, channels[1:], map_sizes(signature)[1:], strict=False)
    patch = [
        4 * block.kernel**2 * max(before, after) * size[0] * size[1]
        for block, before, after, size in stages
    ]
    batch = signature.batch_size
    most = max(MIN_TILE, PATCH_BYTES // max(patch, default=1))
    return max(
        (b for b in range(MIN_TILE, batch + 1) if not batch % b and b <= most), default=batch
    )
