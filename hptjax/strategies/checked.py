"""Checks that any searcher keeps its contract."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hptjax.checks import is_number, plain
from hptjax.entries import Entry, Float, Value
from hptjax.errors import ConfigError, shown
from hptjax.space import Space
from hptjax.strategies.base import Informed, Proposal, Searcher

AGREEMENT = 1e-9  # relative difference allowed between a real number and its decoded genotype


class CheckedSearcher:
    """Wraps a searcher: checks its proposals and passes them on.

    Raises ConfigError if the searcher breaks the contract of `Searcher.ask`: too many proposals, an
    object that is not a Proposal, hparams outside the space, a genotype outside the unit cube or
    one that decodes to other hparams.
    """

    def __init__(self, searcher: Searcher, space: Space, label: str) -> None:
        """label: the searcher's name in its study, for messages."""
        self._searcher, self._space, self._label = searcher, space, label
        if not all(callable(getattr(searcher, name, None)) for name in ("ask", "tell")):
            raise ConfigError(
                f"searcher {label!r}: must have ask(count) and tell(proposals, values), got "
                f"{shown(searcher)}."
            )
        self._asked: list[Proposal] = []

    def ask(self, count: int) -> list[Proposal]:
        """At most `count` proposals, with Python scalars in the order of the space.

        Inactive hparams are left out; the searcher need not do so itself.
        """
        given: Any = self._searcher.ask(count)
        if not isinstance(given, Sequence) or isinstance(given, str | bytes):
            raise self._broken(f"must give a list of Proposals, gave {shown(given)}.")
        if len(given) > count:
            raise self._broken(f"must give at most the {count} that it is asked, gave {len(given)}")
        self._asked = list(given)
        return [self._checked(k, proposal) for k, proposal in enumerate(given)]

    def inform(self, objectives: np.ndarray, violations: np.ndarray) -> None:
        """Passes both on, for the last ask, if the searcher is `Informed`."""
        if isinstance(self._searcher, Informed):
            self._searcher.inform(self._asked, objectives, violations)

    def tell(self, proposals: Sequence[Proposal], values: np.ndarray) -> None:
        """Passes the values on; the searcher gets its own proposals of the last ask back."""
        self._searcher.tell(self._asked, values)

    def _checked(self, place: int, proposal: Any) -> Proposal:
        if not isinstance(proposal, Proposal):
            raise self._broken(f"must give Proposals, gave {shown(proposal)}.")
        try:
            genotype = self._genotype(proposal.genotype)
            self._space.encode(proposal.hparams)  # raises for a missing, unknown or outlying hparam
            decoded = self._space.decode(genotype)
            given = {
                name: _same(name, entry, proposal.hparams[name], decoded[name])
                for name, entry in self._space.items()
                if name in proposal.hparams
            }
            hparams = self._space.active(given)
        except ConfigError as error:
            raise self._broken(f"proposal {place}: {error}") from None
        return Proposal(hparams, genotype, proposal.handle)

    def _genotype(self, genotype: Any) -> tuple[float, ...]:
        count = len(self._space)
        if getattr(genotype, "ndim", 0) == 1:  # an array of NumPy, JAX or another library
            genotype = np.asarray(genotype).tolist()
        values = [plain(u) for u in genotype] if isinstance(genotype, Sequence) else []
        if len(values) != count or not all(is_number(u) and 0 <= u <= 1 for u in values):
            raise ConfigError(
                f"the genotype must be {count} numbers in [0, 1], got {shown(genotype)}."
            )
        return tuple(map(float, values))

    def _broken(self, what: str) -> ConfigError:
        return ConfigError(f"searcher {self._label!r}: ask {what}")


def _same(name: str, entry: Entry, value: Any, decoded: Value) -> Value:
    """The value in the space's type; ConfigError unless space and genotype agree with it."""
    value = plain(value)
    own = entry.check(value)
    if own != value or isinstance(own, bool) != isinstance(value, bool):
        raise ConfigError(f"{name}: must be a value of the space such as {own}, got {value!r}.")
    if isinstance(entry, Float):
        mine, theirs = float(own), float(decoded)
        size = mine if entry.log else max(abs(mine), entry.high - entry.low)
        agree = abs(mine - theirs) <= AGREEMENT * size
    else:
        agree = own == decoded
    if not agree:
        raise ConfigError(
            f"{name}: must be what the genotype decodes to, {decoded}, got {value!r}; "
            "hptjax.strategies.proposal_at(space, point) makes a proposal that agrees."
        )
    return own
