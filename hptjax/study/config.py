"""Schema of a study: its network, space, images, strategies, budget and other settings."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)

from hptjax.config.explain import validated
from hptjax.config.frozen import Frozen, Otherwise, Positive, as_tuple
from hptjax.config.label import check_distinct
from hptjax.config.model import AnyModel
from hptjax.config.named import Part, with_name
from hptjax.errors import ConfigError, did_you_mean, shown
from hptjax.records.goal import Goal
from hptjax.space import Space
from hptjax.strategies.table import (
    SEARCHERS,
    StrategyConfig,
    as_searcher,
    strategies_of,
    with_searcher,
)
from hptjax.study.budget import Budget
from hptjax.study.data_config import DataConfig, check_augment, with_augment
from hptjax.study.executors import ExecutorConfig
from hptjax.study.metrics import (
    check_comparable,
    known_curves,
    measures_of,
    metric_tree,
    metric_words,
)
from hptjax.study.objectives import objective_words, recorded_words, with_objectives
from hptjax.study.schedule import Schedule, member_epochs
from hptjax.study.schedules import make_schedule, noted
from hptjax.study.sinks import sinks_of
from hptjax.study.space_checks import check_entry, check_point, targets_of
from hptjax.study.validation import Seed
from hptjax.tasks.base import Task
from hptjax.transpile.constraints import Constraints
from hptjax.transpile.opened import opened
from hptjax.transpile.owners import with_conditions

Point = dict[str, bool | int | float | str]
MOST_CANDIDATES = 2**20  # in a population: every array of the program has a row for each
# keys that files of runs leave out if they are at their defaults
LATER = (
    *("metrics", "objectives", "select", "patience", "keep_best"),
    *("paired", "constraints", "sinks"),
)
SAMPLED_GENERATIONS = 12  # represent all generations: schedules rarely have longer periods


def _with_pairs(tree: dict[str, Any]) -> dict[str, Any]:
    """`repeats: {n: 3, paired: true}` as two keys."""
    given = tree.get("repeats")
    if not isinstance(given, Mapping):
        return tree
    for key in given:
        if key not in ("n", "paired"):
            raise ConfigError(f"repeats.{key}: unknown key; {did_you_mean(key, ('n', 'paired'))}")
    if "paired" in given and "paired" in tree:
        raise ConfigError("paired: is given twice, here and in repeats.")
    paired = {"paired": given["paired"]} if "paired" in given else {}
    return {**tree, "repeats": given.get("n", 1), **paired}


class WarmStart(Frozen):
    """The source of hparams to be tried first: the best trials of another run, or of a table.

    run: the directory of the other run; trials: a trials.csv; both are relative to the working
    directory. best: how many trials to take. resolved: the points have already been copied into
    `first`.
    """

    run: str | None = None
    trials: str | None = None
    best: Positive = 1
    resolved: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> "WarmStart":
        if (self.run is None) == (self.trials is None):
            raise ConfigError(
                "warm_start: must name either run (a run directory) or trials (a trials.csv)."
            )
        return self

    @property
    def source(self) -> str:
        return self.run or self.trials or ""


def _as_metric(value: Any, info: ValidationInfo) -> Any:
    return metric_tree(value, info.data["model"].task.options) if "model" in info.data else value


def _as_metrics(value: Any, info: ValidationInfo) -> Any:
    return metric_words(value, info.data["model"].task.options) if "model" in info.data else ()


def _as_objectives(value: Any, info: ValidationInfo) -> Any:
    return objective_words(value, info.data["model"].task.options) if "model" in info.data else ()


def _as_space(value: Any) -> Space:
    return value if isinstance(value, Space) else Space.from_dict(value)


class Work(TypedDict):
    """Bounds of the training of all strategies together: images that networks see, seconds."""

    samples: float
    seconds: float


class StudyConfig(Frozen):
    """One study: each strategy spends the budget, in generations of population_size candidates.

    model: the network, as a list of layers, a Flax class, or the original study's form; a file may
    name another file. space: the tuned hparams by name; entries in the model need not be repeated
    here. data: the images. strategies: the searchers, which run one after another; a file may call
    the key `searcher`. population_size: how many candidates one compiled call trains. budget: how
    much each strategy may spend. schedule: the rule that decides which trials of a generation are
    trained on, see `study.schedules`. seed: the seed of the search, the split and the weights. out:
    the run directory, unless the command line names one. tensorboard: whether to write
    TensorBoard's files to the run directory. epochs: the epochs of a full training. metric: the
    measure that ranks trials, on the validation images after the judged epoch, such as val_loss
    (minimised) or val_accuracy (maximised); val_loss_cumulative (minimised) is the mean over all
    epochs so far, as the original study logged it; module:attribute names your own; {name,
    direction} records one that run_study is given. select: the epoch that gives a trial its value
    and its weights: last_epoch, or best_epoch, the epoch with the best finite metric (the earliest
    of equals). patience: how many epochs a trial may go without a better metric before it ends
    (None: it never ends early); it counts as trained, and its learning rate is scheduled over all
    epochs. keep_best: for how many of the best trials the weights are kept; with more than one, an
    ensemble is built when a strategy ends. metrics: further measures to record after each epoch,
    such as val_macro_f1. objectives: further goals, such as parameters or flops, for searchers that
    take several; `metric: [val_accuracy, parameters]` names both, and the first ranks trials.
    repeats: how often each candidate is trained, each time with other keys; its curves are the
    means. paired: whether all candidates are trained with the same keys, so that they differ in
    their hparams only; both may be given as `repeats: {n: 3, paired: true}`. constraints: bounds of
    costs, such as `{parameters: {max: 150000}, flops: {max: 1.0e+7}}`; a candidate that breaks one
    is infeasible and not trained. duplicates: whether a proposal of a network that its strategy has
    trained takes the results of that trial (reuse), or is trained again with another key (retrain).
    max_failures: the number of failed trials after which a strategy gives up. first: hparams that
    each strategy tries first; a missing one is mid-scale or its first choice. warm_start: another
    run whose best hparams are tried first, see `study.warm_start`. executor: the thing that trains
    the members, see `study.executors`. sinks: further observers of `hptjax run`, see `study.sinks`;
    like the executor and the budget, they may change when a run is resumed.

    Example:
        >>> import hptjax
        >>> model = hptjax.Model(layers=["flatten", "head"], lr=hptjax.loguniform(1e-3, 1e-1))
        >>> study = hptjax.StudyConfig(model=model, strategies=["tpe"], budget={"trials": 8})
        >>> list(study.space), study.budget.trials
        (['lr'], 8)
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: AnyModel
    space: Annotated[
        Space,
        BeforeValidator(_as_space),
        PlainSerializer(Space.to_dict),
        Otherwise("the entries in the model; required where it has none"),
    ]
    data: DataConfig = DataConfig()
    strategies: Annotated[
        tuple[
            Annotated[StrategyConfig, PlainSerializer(StrategyConfig.to_tree)],
            ...,
        ],
        Field(min_length=1),
        BeforeValidator(strategies_of),
    ] = Field(default=("des",), validate_default=True)
    population_size: Annotated[int, Field(ge=2, le=MOST_CANDIDATES)] = 29
    budget: Budget = Budget.model_validate({})
    epochs: Positive = 1
    schedule: Annotated[str | dict[str, Any], BeforeValidator(noted)] = "full"
    repeats: Positive = 1
    paired: bool = False
    constraints: Constraints = Constraints()
    duplicates: Literal["reuse", "retrain"] = "reuse"
    seed: Seed = 0
    metric: Annotated[str | dict[str, str], BeforeValidator(_as_metric)] = "val_loss"
    metrics: Annotated[tuple[str, ...], BeforeValidator(_as_metrics)] = ()
    objectives: Annotated[tuple[str, ...], BeforeValidator(_as_objectives)] = ()
    select: Literal["last_epoch", "best_epoch"] = "last_epoch"
    patience: Positive | None = None
    keep_best: Positive = 1
    max_failures: Positive | None = None
    first: Annotated[
        tuple[dict[str, bool | int | float | str], ...], BeforeValidator(as_tuple)
    ] = ()
    warm_start: WarmStart | None = None
    executor: Annotated[
        ExecutorConfig,
        BeforeValidator(ExecutorConfig.from_tree),
        PlainSerializer(ExecutorConfig.to_tree),
    ] = Field(default="local", validate_default=True)
    out: str | None = None
    tensorboard: bool = True
    sinks: Annotated[
        tuple[Annotated[Part, PlainSerializer(Part.to_tree)], ...], BeforeValidator(sinks_of)
    ] = ()

    @model_validator(mode="before")
    @classmethod
    def _opened(cls, tree: Any) -> Any:
        """Brings the model and the space into their normal forms."""
        if not isinstance(tree, Mapping) or "model" not in tree:
            return tree
        model, space = opened(tree["model"], tree.get("space"))
        tree = {**with_searcher(tree), "model": model} | ({} if space is None else {"space": space})
        return with_augment(with_objectives(_with_pairs(tree)))

    @model_validator(mode="after")
    def _consistent(self) -> "StudyConfig":
        check_augment(self.data, self.model.augment is not None or "augment" in self.space)
        targets = targets_of(self.model, self.space)
        for name in targets:
            check_entry(self.model, name, self.space, targets)
        self._check_points(with_conditions(self.space, targets))
        check_distinct(self.labels, "strategies")
        if self.paired and self.duplicates == "retrain":
            raise ConfigError(
                "duplicates: must be reuse where keys are paired: a network that is trained again "
                "with the same keys comes to the same."
            )
        make_schedule(self.schedule, self.epochs)
        judged = (Goal.from_tree(self.metric).name, *self.objectives)
        check_comparable(judged, targets, self.task)
        self._check_objectives()
        return self

    def _check_objectives(self) -> None:
        """Raises ConfigError if a part of the study takes only one objective."""
        if not self.objectives:
            return
        names = [Goal.from_tree(self.metric).name, *self.objectives]
        check_distinct(names, "objectives", "leave one of them out")
        for strategy in self.strategies:
            if not getattr(SEARCHERS.find(strategy.name, "strategies"), "several", False):
                raise ConfigError(
                    f"strategies: {strategy.name} takes one metric, got {', '.join(names)}; use "
                    "tpe, random, grid or optuna.NSGAIISampler."
                )
        if with_name(self.schedule)["name"] != "full":
            raise ConfigError(
                "schedule: must be full where there are several objectives: it ranks by one."
            )

    def _check_points(self, space: Space) -> None:
        """Raises ConfigError unless the first points are in the space; space: with conditions.

        Older runs recorded inactive hparams of a warm start, too.
        """
        for strategy in self.strategies:
            start = getattr(strategy.options, "start", None)
            if start is not None:
                check_point(space, start, f"strategies.{strategy.name}.start")
        noted = self.warm_start is not None and self.warm_start.resolved
        for k, hparams in enumerate(self.first):
            try:
                whole = space.completed(hparams, drop=noted)
            except ConfigError as error:
                raise ConfigError(f"first.{k}.{error}") from None
            check_point(space, whole, f"first.{k}")

    def __repr__(self) -> str:
        limits = {k: v for k, v in self.budget.model_dump().items() if v is not None}
        budget = ", ".join(f"{value:g} {name}" for name, value in limits.items()) or "no budget"
        names, goal = ", ".join(self.labels), Goal.from_tree(self.metric)
        return (
            f"StudyConfig({names}: {len(self.space)} hparams, {budget} of {self.population_size} "
            f"candidates, epochs {self.epochs}, {goal})"
        )

    __str__ = __repr__

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(strategy.label for strategy in self.strategies)

    @property
    def task(self) -> Task:
        """The task that the networks learn."""
        return self.model.task.options

    @property
    def recorded(self) -> tuple[str, ...]:
        """The metrics that are recorded each epoch in addition to those of every study."""
        wanted = (*self.metrics, *recorded_words(self.objectives, self.task))
        return tuple(dict.fromkeys(wanted))

    @property
    def by_best_epoch(self) -> bool:
        """Whether trials are judged by their best epoch, not by their last."""
        return self.select == "best_epoch"

    @property
    def curves(self) -> tuple[str, ...]:
        """The names of the trials' curves, without that of a metric that run_study is given."""
        return known_curves(self.metric, self.recorded, self.task)

    @property
    def measures(self) -> tuple[str, ...]:
        """The task's names of all measures that are taken on the validation images each epoch."""
        return measures_of([Goal.from_tree(self.metric).name, *self.recorded], self.task)

    def make_schedule(self) -> Schedule:
        return make_schedule(self.schedule, self.epochs)

    def work_ahead(self, images: int) -> Work:
        """An upper bound of the training ahead, as far as the budget bounds it.

        images: how many images an epoch goes through.
        """
        schedule, budget = self.make_schedule(), self.budget
        trials = budget.most_trials(self.population_size)
        epochs = math.inf if budget.member_epochs is None else budget.member_epochs
        if trials is not None:
            generations = trials / self.population_size
            count = min(math.ceil(generations), SAMPLED_GENERATIONS)
            some = [member_epochs(schedule, g, self.population_size) for g in range(count)]
            epochs = min(epochs, generations * self.repeats * sum(some) / count)
        samples = min(epochs * images, math.inf if budget.samples is None else budget.samples)
        seconds = math.inf if budget.seconds is None else budget.seconds
        strategies = len(self.strategies)
        return Work(samples=strategies * samples, seconds=strategies * seconds)

    def to_dict(self) -> dict[str, Any]:
        """The study as plain dicts, with all defaults; `from_dict` returns an equal study.

        The order of the keys of `space` is the order of the search's axes: write YAML with
        sort_keys=False.
        """
        tree = self.model_dump(mode="json")
        for later in LATER:
            if getattr(self, later) == type(self).model_fields[later].default:
                del tree[later]  # the files of runs without it stay as they were
        if self.constraints:
            tree["constraints"] = self.constraints.model_dump(mode="json", exclude_none=True)
        return tree

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> "StudyConfig":
        """Reads the result of `to_dict`; raises ConfigError, which names the dotted path."""
        if not isinstance(tree, Mapping):
            raise ConfigError(f"a study must be a mapping, got {shown(tree)}.")
        with as_searcher("searcher" in tree):
            return validated(cls, dict(tree))
