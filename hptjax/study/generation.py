"""One generation: proposals in, trained and recorded trials out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hptjax.config.schema import ModelConfig
from hptjax.population import Member
from hptjax.strategies import Proposal, trial_key
from hptjax.study.engine import TrainerLike
from hptjax.study.trial import METRICS, TrialRecord, finite_or_none
from hptjax.transpile.repair import Candidate

OnEpoch = Callable[[int, Mapping[str, np.ndarray]], None]


@dataclass(frozen=True)
class Trained:
    """Curves [epochs, P] by metric of the members, in their order, and a way to their weights."""

    curves: Mapping[str, np.ndarray]
    variables: Callable[[int], Mapping[str, Any]]


def draft_trials(
    strategy: str, first: int, proposals: Sequence[Proposal], candidates: Sequence[Candidate]
) -> list[TrialRecord]:
    """Records of a generation before training; first: number of its first trial."""
    return [
        TrialRecord(
            strategy=strategy,
            number=number,
            key=trial_key(strategy, number),
            genotype=proposal.genotype,
            hparams=dict(proposal.hparams),
            config=None if candidate.config is None else candidate.config.to_dict(),
            changes=tuple(candidate.changes),
            infeasible=candidate.infeasible,
        )
        for number, (proposal, candidate) in enumerate(
            zip(proposals, candidates, strict=True), start=first
        )
    ]


def train(
    trainer: TrainerLike, members: Sequence[Member], epochs: int, on_epoch: OnEpoch
) -> Trained:
    """Trains the members for some epochs; calls on_epoch(epoch, metrics [P]) after each."""
    state = trainer.start(members)
    history: list[Mapping[str, np.ndarray]] = []
    for epoch in range(epochs):
        state, metrics = trainer.epoch(state, epoch)
        history.append(metrics)
        on_epoch(epoch, metrics)
    curves = {name: np.stack([metrics[name] for metrics in history]) for name in METRICS}
    return Trained(curves, lambda k: trainer.variables(state, k))


def value_of(val_loss: np.ndarray, metric: str) -> float:
    """What a strategy is told of one trial. val_loss: [epochs].

    `val_loss` is that of the last epoch; `val_loss_cumulative` the mean of all epochs, as the
    original study had it. A loss that is not finite in any epoch counts in the mean.
    """
    return float(val_loss.mean() if metric == "val_loss_cumulative" else val_loss[-1])


def with_curves(
    trial: TrialRecord, curves: Mapping[str, np.ndarray], k: int, metric: str
) -> TrialRecord:
    """The record of member k, with its metrics and value filled in."""
    epochs = {name: tuple(map(finite_or_none, curve[:, k])) for name, curve in curves.items()}
    value = finite_or_none(value_of(curves["val_loss"][:, k].astype(np.float64), metric))
    return TrialRecord(**{**vars(trial), "epochs": epochs, "value": value})


def members_of(
    trials: Sequence[TrialRecord], candidates: Sequence[Candidate]
) -> tuple[list[int], list[Member]]:
    """Which trials can be trained, and the members that they make."""
    pairs: list[tuple[int, ModelConfig]] = [
        (i, candidate.config)
        for i, candidate in enumerate(candidates)
        if candidate.config is not None
    ]
    return [i for i, _ in pairs], [Member(config, trials[i].key) for i, config in pairs]
