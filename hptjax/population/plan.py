"""Which bodies a compiled program holds: signatures times width tiers, chosen by padded FLOPs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from hptjax.config.schema import ModelConfig
from hptjax.errors import ConfigError
from hptjax.models.costs import costs_of
from hptjax.models.signature import Body, Signature, Widths, exact_body

MAX_BODIES = 7  # tiers are added up to here: a body takes about three seconds to compile
MIN_GAIN = 0.01  # share of all padded FLOPs that one more tier must save


@dataclass(frozen=True)
class Plan:
    """The bodies of a compiled program, and how many members one call takes."""

    bodies: tuple[Body, ...]
    capacity: int

    @cached_property
    def _by_signature(self) -> dict[Signature, list[int]]:
        """Bodies of each signature, cheapest first."""
        groups: dict[Signature, list[int]] = defaultdict(list)
        for i, body in enumerate(self.bodies):
            groups[body.signature].append(i)
        for group in groups.values():
            group.sort(key=lambda i: train_flops(self.bodies[i]))
        return dict(groups)

    def body_of(self, shape: Body) -> int | None:
        """Index of the cheapest body that holds a network's exact shape; None: there is none."""
        group = self._by_signature.get(shape.signature, [])
        return next((i for i in group if shape.widths.fits(self.bodies[i].widths)), None)

    def covers(self, shape: Body) -> bool:
        """Whether a network of this exact shape can be trained without compiling anew."""
        return self.body_of(shape) is not None

    def waste(self, shapes: Iterable[Body]) -> float:
        """Padded over true FLOPs of training networks of these exact shapes on as many images."""
        padded = true = 0
        for shape in shapes:
            index = self.body_of(shape)
            if index is None:
                raise ConfigError(
                    "The plan has no body for this config: make a plan that covers it."
                )
            padded += train_flops(self.bodies[index])
            true += train_flops(shape)
        return padded / true if true else 1.0


@lru_cache(maxsize=65536)
def train_flops(body: Body) -> int:
    """Floating-point operations of a training step, per image."""
    return costs_of(body).train_flops


def make_plan(
    configs: Sequence[ModelConfig], *, capacity: int | None = None, max_bodies: int = MAX_BODIES
) -> Plan:
    """Chooses the bodies for all these configs, as a sample of what will be trained.

    capacity: members of one call, default len(configs). Every signature gets a body that holds all
    its configs; further, narrower tiers are added one by one, each time the one that saves the most
    padded FLOPs, while it saves MIN_GAIN of the total and at most max_bodies stand. Raises
    ConfigError for no configs, or configs of differing image sizes.
    """
    if not configs:
        raise ConfigError("A plan needs at least one config, got none.")
    groups: dict[Signature, list[Widths]] = defaultdict(list)
    for shape in map(exact_body, configs):
        groups[shape.signature].append(shape.widths)
    if len({signature.image for signature in groups}) > 1:
        sizes = sorted({signature.image for signature in groups})
        raise ConfigError(f"All members of a population must share one image size, got {sizes}.")
    tiers = {signature: [_largest(members)] for signature, members in groups.items()}
    while sum(map(len, tiers.values())) < max_bodies:
        saved, signature, tier = max(
            (_best_split(signature, groups[signature], tiers[signature]) for signature in groups),
            key=lambda split: split[0],
        )
        total = sum(_padded(s, groups[s], tiers[s]) for s in groups)
        if tier is None or saved < MIN_GAIN * total:
            break
        tiers[signature].append(tier)
    bodies = tuple(Body(signature, tier) for signature in tiers for tier in tiers[signature])
    return Plan(bodies, capacity or len(configs))


def _best_split(
    signature: Signature, members: list[Widths], tiers: list[Widths]
) -> tuple[float, Signature, Widths | None]:
    """The further tier that saves the most: an old one with a width cut to what some need."""
    now = _padded(signature, members, tiers)
    best: tuple[float, Signature, Widths | None] = (0.0, signature, None)
    for tier in tiers:
        inside = [widths for widths in members if widths.fits(tier)]
        for axis in range(len(tier.channels)):
            values = sorted({widths.channels[axis] for widths in inside})
            for cut in values[:-1]:
                small = [w for w in inside if w.channels[axis] <= cut]
                new = _largest(small)
                saved = now - _padded(signature, members, [*tiers, new])
                if saved > best[0]:
                    best = (saved, signature, new)
    return best


def _padded(signature: Signature, members: list[Widths], tiers: list[Widths]) -> float:
    """FLOPs of these members, each padded to the cheapest tier that holds it."""
    priced = sorted((train_flops(Body(signature, tier)), tier) for tier in dict.fromkeys(tiers))
    return sum(next(cost for cost, tier in priced if widths.fits(tier)) for widths in members)


def _largest(members: Iterable[Widths]) -> Widths:
    members = list(members)
    return Widths(
        tuple(map(max, zip(*(w.channels for w in members), strict=True))),
        tuple(map(max, zip(*(w.units for w in members), strict=True))),
    )
