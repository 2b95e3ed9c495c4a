"""The only reader of a run's records, for everything that shows or resumes a run.

A journal begins with a header: its version and the study's config. The other records are
generations, stops of strategies, budgets that later calls gave, digests of the images, a metric
that the config does not define, and environments that round differently.
"""

import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen
from hptjax.errors import ConfigError, DataError, shown
from hptjax.paths import user_path
from hptjax.records.change import Change
from hptjax.records.goal import Direction, Goal
from hptjax.records.journal import read_journal
from hptjax.records.metrics import LOSSES, is_metric
from hptjax.records.trial import OPTIONAL, GenerationRecord, TrialRecord

VERSION = 3
NAME = "journal.jsonl"
LEDGER = ("wall_s", "train_s", "member_epochs", "samples")  # every reader relies on these keys
WAY_OUT = "restore it from a copy, or start a new run with another --out"

Limits = dict[str, int | float | None]


@dataclass(frozen=True)
class RunRecords:
    """The content of a journal.

    stops: the last stop of each strategy. budget: the budget of the last call. data: the digest of
    each part. environment: the last facts that decide rounding. goal: the metric that trials are
    judged by; config states it, too.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)
    generations: tuple[GenerationRecord, ...] = ()
    stops: Mapping[str, "StopRecord"] = field(default_factory=dict)
    data: Mapping[str, str] | None = None
    environment: Mapping[str, Any] | None = None
    goal: Goal | None = None

    @property
    def any_results(self) -> bool:
        return bool(self.generations or self.stops)


class StopRecord(Frozen):
    """Why a strategy stopped under a budget."""

    kind: Literal["stop"] = "stop"
    strategy: str
    reason: str
    budget: Limits


class BudgetRecord(Frozen):
    """The budget of a later call."""

    kind: Literal["budget"] = "budget"
    budget: Limits


class DataRecord(Frozen):
    """The digest of each part of the images."""

    kind: Literal["data"] = "data"
    digests: dict[str, str]


class EnvironmentRecord(Frozen):
    """The facts that decide the rounding of all later results."""

    kind: Literal["environment"] = "environment"
    facts: dict[str, str | bool]


class MetricRecord(Frozen):
    """The metric of the trials, if it differs from the metric in the header's config."""

    kind: Literal["metric"] = "metric"
    name: str
    direction: Direction


class _Strategy(BaseModel):
    """The keys of a strategy in the config that readers use."""

    model_config = ConfigDict(extra="allow", strict=True)

    name: str
    label: str | None = None


class _Config(BaseModel):
    """The keys of a study's config that readers use."""

    model_config = ConfigDict(extra="allow", strict=True)

    strategies: list[str | dict[str, Any]]
    budget: Limits
    space: dict[str, dict[str, Any]]
    population_size: int
    repeats: int
    seed: int
    metric: str | dict[str, str]


def read_run(path: str | Path) -> RunRecords:
    """Reads the records of a run without locking it; leaves out a line that is being written.

    Raises ConfigError if there is no run, or one of another version; DataError for damage.
    """
    journal = user_path(path) / NAME
    if not journal.exists():
        raise ConfigError(f"{path}: not a run (it has no {NAME}).")
    records, _ = read_journal(journal)
    if not records:
        raise ConfigError(f"{path}: nothing is recorded yet (its {NAME} is empty).")
    return checked_run(journal, records)


def checked_run(journal: Path, records: Sequence[Mapping[str, Any]]) -> RunRecords:
    """Does what `read_run` does for records already read; the first one must be the header."""
    header = records[0]
    if header.get("kind") != "study":
        raise DataError(f"{journal}: does not begin with the header of a run; {WAY_OUT}.")
    if header.get("version") != VERSION:
        raise ConfigError(
            f"{journal}: written by another version of hptjax (journal version "
            f"{shown(header.get('version'))}, this one reads {VERSION}); use that version for it, "
            "or start a new run with another --out."
        )
    return checked_records(records, str(journal))


def checked_records(records: Sequence[Mapping[str, Any]], name: str) -> RunRecords:
    """The content of the lines of a journal; name: the journal's name, for errors.

    Raises DataError for a line with keys or values that this version does not write.
    """
    found: dict[str, Any] = {"generations": [], "stops": {}}
    for number, record in enumerate(records, start=1):
        try:
            take = _KINDS.get(record.get("kind", ""))  # type: ignore[arg-type]
            if take is None or (take is _header) != (number == 1 and "version" in record):
                raise DataError(f"has an unknown or misplaced kind, {shown(record.get('kind'))}")
            take(record, found)
        except (ConfigError, ValidationError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{name}, line {number}: {_cause(error)}: it was not written by this version of "
                f"hptjax, or altered; {WAY_OUT}."
            ) from None
    return RunRecords(**{**found, "generations": tuple(found["generations"])})


def _cause(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}, got {shown(first['input'])}"
    return str(error).rstrip(".") if isinstance(error, ConfigError) else repr(error)


def _header(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    _same_keys(record, ("kind", "version", "config"), "the header")
    config = validated(_Config, record["config"], "config")
    for strategy in config.strategies:
        if not isinstance(strategy, str):
            validated(_Strategy, strategy, "config.strategies")
    if not config.strategies:
        raise DataError("config.strategies: must name one")
    found["config"], found["budget"] = record["config"], config.budget
    found["goal"] = Goal.from_tree(config.metric)


def _generation(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    found["generations"].append(generation_of(record))


def _stop(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    stop = validated(StopRecord, record)
    found["stops"][stop.strategy] = stop


def _budget(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    found["budget"] = validated(BudgetRecord, record).budget


def _data(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    found["data"] = validated(DataRecord, record).digests


def _environment(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    found["environment"] = validated(EnvironmentRecord, record).facts


def _metric(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    note = validated(MetricRecord, record)
    stated, goal = found.get("goal"), Goal(note.name, note.direction)
    if goal != stated:  # otherwise the config may also say where the metric's function is
        found["config"] = {**found.get("config", {}), "metric": goal.to_tree()}
    found["goal"] = goal


_KINDS: dict[str, Callable[[Mapping[str, Any], dict[str, Any]], None]] = {
    "study": _header,
    "generation": _generation,
    "stop": _stop,
    "budget": _budget,
    "data": _data,
    "environment": _environment,
    "metric": _metric,
}
_GENERATION = TypeAdapter(GenerationRecord)


def generation_of(record: Mapping[str, Any]) -> GenerationRecord:
    """The generation in a journal's record; DataError or ValidationError for another form."""
    _same_keys(record, ("kind", *(f.name for f in fields(GenerationRecord))), "a generation")
    for trial in record["trials"]:
        _same_keys(trial, [f.name for f in fields(TrialRecord)], "a trial", OPTIONAL)
        for change in trial["changes"]:
            _same_keys(change, [f.name for f in fields(Change)], "a change")
    _GENERATION.validate_json(json.dumps(record), strict=True)
    generation = GenerationRecord.from_dict(record)
    _check_ledger(generation.ledger)
    if not generation.trials:
        raise DataError("trials: must not be empty")
    names = {name for trial in generation.trials for name in trial.epochs}
    for trial in generation.trials:
        _check_trial(trial, generation.strategy, names)
    return generation


def _same_keys(tree: Any, wanted: Sequence[str], what: str, optional: Sequence[str] = ()) -> None:
    if not isinstance(tree, Mapping):
        raise DataError(f"{what} must be a mapping, got {shown(tree)}")
    missing = [key for key in wanted if key not in tree and key not in optional]
    unknown = [key for key in tree if key not in wanted]
    if missing or unknown:
        problem = f"lacks the key {missing[0]}" if missing else f"has the unknown key {unknown[0]}"
        raise DataError(f"{what} {problem}")


def _check_ledger(ledger: Mapping[str, Any]) -> None:
    missing = [key for key in LEDGER if key not in ledger]
    if missing:
        raise DataError(f"the ledger lacks the key {missing[0]}")


def _check_trial(trial: TrialRecord, strategy: str, metrics: Set[str]) -> None:
    """Checks a trial; metrics: the names of all metrics in its generation."""
    if trial.strategy != strategy:
        raise DataError(f"trial {trial.number} is of another strategy than its generation")
    for curves in (trial.epochs, trial.spread):
        lengths = {len(curve) for curve in curves.values()}
        named = metrics >= set(LOSSES) and all(map(is_metric, metrics))
        if curves and (set(curves) != metrics or not named or len(lengths) > 1):
            raise DataError(f"trial {trial.number} has curves of other names or lengths")
    if trial.epoch is not None and not 1 <= trial.epoch <= trial.age:
        raise DataError(f"trial {trial.number} is judged by an epoch that it does not have")
    if any(not isinstance(value, bool | int | float | str) for value in trial.hparams.values()):
        raise DataError(f"trial {trial.number} has an hparam that is no plain value")
