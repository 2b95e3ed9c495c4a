"""Chooses the bodies of a compiled program: signatures times width tiers, priced by time."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from hptjax.config.model import AnyModel
from hptjax.errors import ConfigError
from hptjax.models.choices import Choices, choices_of
from hptjax.models.signature import NetShape, Signature, Widths, map_axes, net_shape
from hptjax.population.price import Price, price_for, train_flops

FEW_BODIES, MOST_BODIES = 7, 16  # tiers are added up to this; the first if the work is unknown
MIN_GAIN = 0.005  # share of the whole price that one more tier must save, if the work is unknown


@dataclass(frozen=True)
class Plan:
    """The bodies of a compiled program, the choices of its members, and its capacity.

    capacity: the most members of one call. shares: the share of the sampled configs that each body
    trains. price: the cost model by which bodies are chosen and members are dealt.
    """

    bodies: tuple[NetShape, ...]
    capacity: int
    choices: Choices
    shares: tuple[float, ...]
    price: Price

    @cached_property
    def _by_signature(self) -> dict[Signature, list[int]]:
        """Returns the bodies of each signature, cheapest first."""
        groups: dict[Signature, list[int]] = defaultdict(list)
        for i, body in enumerate(self.bodies):
            groups[body.signature].append(i)
        for group in groups.values():
            group.sort(key=lambda i: self.price.of_body(self.bodies[i]))
        return dict(groups)

    def body_of(self, shape: NetShape) -> int | None:
        """Returns the index of the cheapest body that holds an exact shape; None if none does."""
        group = self._by_signature.get(shape.signature, [])
        return next((i for i in group if shape.widths.fits(self.bodies[i].widths)), None)

    def covers(self, config: AnyModel) -> bool:
        """Tells whether this network can be trained without another compilation."""
        has_body = self.body_of(net_shape(config)) is not None
        return has_body and self.choices.covers(choices_of([config]))

    def waste(self, shapes: Iterable[NetShape]) -> float:
        """Returns the ratio of computed to true FLOPs of training networks of these shapes."""
        computed = true = 0
        for shape in shapes:
            index = self.body_of(shape)
            if index is None:
                raise ConfigError(
                    "The plan has no body for this config: make a plan that covers it."
                )
            computed += self.price.flops(self.bodies[index], shape)
            true += train_flops(shape)
        return computed / true if true else 1.0


def make_plan(
    configs: Sequence[AnyModel],
    *,
    capacity: int | None = None,
    samples: float = math.inf,
    seconds: float = math.inf,
    max_bodies: int | None = None,
    price: Price | None = None,
) -> Plan:
    """Chooses bodies for all configs, which are a sample of the networks to be trained.

    capacity: members of one call, default len(configs). Every signature gets a body that holds all
    its configs. Then narrower tiers are added, each time the one that saves the most time, until
    there are max_bodies or none pays. samples, seconds: bounds of the work ahead: the training
    images that all members together will see, and the time. A tier pays if it saves more time than
    its launches take and its compilation; if the work is unknown, MIN_GAIN of the whole counts as
    the compilation.
    price: the cost model, default that of JAX's devices. Raises ConfigError for no configs, or for
    configs of different image sizes.

    Example:
        >>> import hptjax
        >>> model = hptjax.Model(layers=["flatten", "head"], input=(28, 28, 1), outputs=10)
        >>> len(hptjax.make_plan([model]).bodies)
        1
    """
    if not configs:
        raise ConfigError("A plan needs at least one config, got none.")
    groups: dict[Signature, list[Widths]] = defaultdict(list)
    for shape in map(net_shape, configs):
        groups[shape.signature].append(shape.widths)
    if len({signature.image for signature in groups}) > 1:
        sizes = sorted({signature.image for signature in groups})
        raise ConfigError(f"All members of a population must share one image size, got {sizes}.")
    price = price_for() if price is None else price
    unknown = samples == seconds == math.inf
    if max_bodies is None:
        max_bodies = FEW_BODIES if unknown else MOST_BODIES
    calls = len(configs) / (capacity or len(configs))
    own = sum(price.of_shape(NetShape(s, widths)) for s in groups for widths in groups[s])
    tiers = {signature: [_largest(members)] for signature, members in groups.items()}
    splits = {s: _best_split(s, groups[s], tiers[s], price) for s in groups}
    while sum(map(len, tiers.values())) < max_bodies:
        signature = max(splits, key=lambda s: splits[s][0])
        padded, tier = splits[signature]
        # one call launches a body once for all its members; the sample takes so many calls
        saved = padded - price.of_launches(NetShape(signature, tiers[signature][0])) * calls
        total = own + sum(_padded(s, groups[s], tiers[s], price) for s in groups)
        work = min(seconds, samples * total / len(configs) / price.per_second)
        pays = saved >= MIN_GAIN * total if unknown else saved * work >= price.body_seconds * total
        if tier is None or not pays:
            break
        tiers[signature].append(tier)
        splits[signature] = _best_split(signature, groups[signature], tiers[signature], price)
    bodies = tuple(NetShape(signature, tier) for signature in tiers for tier in tiers[signature])
    plan = Plan(bodies, capacity or len(configs), choices_of(configs), (), price)
    count = Counter(plan.body_of(NetShape(s, widths)) for s in groups for widths in groups[s])
    return replace(plan, shares=tuple(count[i] / len(configs) for i in range(len(bodies))))


def _best_split(
    signature: Signature, members: list[Widths], tiers: list[Widths], price: Price
) -> tuple[float, Widths | None]:
    """Returns the tier that saves the most: an old tier, with one width cut to what some need."""
    now = _padded(signature, members, tiers, price)
    best: tuple[float, Widths | None] = (0.0, None)
    for tier in tiers:
        inside = [widths for widths in members if widths.fits(tier)]
        for axis in map_axes(signature):
            values = sorted({widths.values[axis] for widths in inside})
            for cut in values[:-1]:
                small = [w for w in inside if w.values[axis] <= cut]
                new = _largest(small)
                saved = now - _padded(signature, members, [*tiers, new], price)
                if saved > best[0]:
                    best = (saved, new)
    return best


def _padded(
    signature: Signature, members: list[Widths], tiers: list[Widths], price: Price
) -> float:
    """Returns what padding adds to the price of members, each in its cheapest tier."""
    priced = sorted(
        (price.of_body(NetShape(signature, tier)), tier) for tier in dict.fromkeys(tiers)
    )
    return sum(next(cost for cost, tier in priced if widths.fits(tier)) for widths in members)


def _largest(members: Iterable[Widths]) -> Widths:
    return Widths(tuple(map(max, zip(*(own.values for own in members), strict=True))))
