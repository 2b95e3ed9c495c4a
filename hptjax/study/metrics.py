"""The metrics that a study may name: its task's measures, the table's, and the user's own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hptjax.config.frozen import as_tuple
from hptjax.config.hparams import Target
from hptjax.errors import ConfigError, shown
from hptjax.importing import is_place
from hptjax.records.goal import Goal
from hptjax.records.metrics import TRAIN, VAL, in_order, measure_of
from hptjax.study.metric import Function, Metric, advice, of_measure
from hptjax.study.metric_table import METRICS
from hptjax.table import OURS
from hptjax.tasks.base import Task
from hptjax.tasks.classification import Classification

LOSSES = ("val_loss", "val_loss_cumulative")  # computed from the task's plain loss


def find_metric(tree: Any, given: Any = None, task: Task | None = None) -> Metric:
    """Finds the metric that judges the trials of a study.

    tree: the metric in the study's config. given: a Metric, or a name, in its place. task: the
    task, a classification if None. Raises ConfigError for an unknown name, for a bare function, and
    if the config names a user's metric that is not given or has changed.
    """
    task = Classification() if task is None else task
    if isinstance(given, Metric):
        return _fit(given, task)
    if callable(given):
        raise ConfigError(f"metric: {advice(given)}")
    return _named(tree if given is None else given, task)


def _named(tree: Any, task: Task) -> Metric:
    if isinstance(tree, str):
        return _by_word(tree, task, "metric")
    goal = Goal.from_tree(tree)
    measure = task.find(measure_of(goal.name)) if goal.name.startswith(VAL) else None
    if measure is not None and measure.direction == goal.direction:
        return of_measure(goal.name, measure)
    if "word" in tree:
        found = _by_word(tree["word"], task, "metric")
        if found.goal != goal:
            raise ConfigError(f"metric: {found.word} is {found.goal} now, it was {goal}.")
        return found
    raise ConfigError(
        f"metric: {goal.name} is a function of your own; give it to run_study(metric=...)."
    )


def _by_word(word: str, task: Task, path: str) -> Metric:
    """A measure of the task, or a metric of the table."""
    measure = task.find(measure_of(word)) if word.startswith(VAL) else None
    if measure is not None:
        return of_measure(word, measure)
    if word not in METRICS and not is_place(word):
        raise task.unknown(word, path, _words_for(task))
    found = METRICS.find(word, path)
    if not isinstance(found, Metric):
        raise ConfigError(
            f"{path}: {word} must be a metric, made with @hptjax.metric, it is {shown(found)}."
        )
    return _fit(replace(found, word=word), task)


def _words_for(task: Task) -> list[str]:
    """The words of the table's metrics that can judge a task; those of other packages unread."""
    return [
        row.word
        for row in METRICS.rows()
        if row.package != OURS or task.kind in METRICS.find(row.word, "metric").kinds
    ]


def _fit(metric: Metric, task: Task) -> Metric:
    """The metric; ConfigError if it cannot judge the task, or has the name of a measure of it."""
    if task.kind not in metric.kinds:
        known = [*(VAL + measure for measure in task.known()), *_words_for(task)]
        raise ConfigError(
            f"metric: {metric.name} needs {' or '.join(metric.kinds)}, but {task.name} learns "
            f"{task.kind}; known are {', '.join(sorted(known))}."
        )
    if metric.curve and task.find(measure_of(metric.curve)) is not None:
        raise ConfigError(
            f"metric: {metric.name} is a measure of {task.name}; give yours another name."
        )
    return metric


def check_comparable(names: Iterable[str], targets: Mapping[str, Target], task: Task) -> None:
    """Raises ConfigError if trials would be compared by losses that are not comparable.

    names: the metrics that judge trials; targets: the targets of the tuned hparams.
    """
    of_task = {name: own.path[-1] for name, own in targets.items() if own.path[0] == "task"}
    tuned = [name for name, option in of_task.items() if option in task.loss_options]
    losses = [name for name in names if name in LOSSES]
    if tuned and losses:
        others = [VAL + name for name in task.measures if name != "loss"]
        raise ConfigError(
            f"metric: {losses[0]} is another number for each choice of {tuned[0]}, and compares "
            f"nothing; judge by {' or '.join(others)}."
        )


def metric_tree(tree: Any, task: Task) -> str | dict[str, str]:
    """The metric in a study's config, in the form of a run's files; ConfigError for a mistake."""
    if isinstance(tree, str):
        return find_metric(tree, task=task).to_tree()
    goal = Goal.from_tree(tree).to_tree()
    return {**goal, "word": tree["word"]} if isinstance(goal, dict) and "word" in tree else goal


def metric_words(tree: Any, task: Task) -> tuple[str, ...]:
    """The words of a config's `metrics`; ConfigError for a mistake."""
    words = (tree,) if isinstance(tree, str) else as_tuple(tree)
    if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
        raise ConfigError(f"metrics: must be a list of names, got {shown(tree)}.")
    further_metrics(words, task)
    return words


def further_metrics(words: Iterable[str], task: Task) -> tuple[Metric, ...]:
    """The metrics that a config's `metrics` name; ConfigError for one without its own curve."""
    found = tuple(_by_word(word, task, "metrics") for word in words)
    for metric in found:
        if not metric.curve and task.find(measure_of(metric.name)) is None:
            raise ConfigError(
                f"metrics: {metric.name} is made of curves, and has none; name measures, or "
                "functions that see logits."
            )
    return found


def measures_of(names: Iterable[str], task: Task) -> tuple[str, ...]:
    """The measures on the validation images: the task's own, and those of these metrics."""
    further = [measure_of(name) for name in names if name.startswith(VAL)]
    return tuple(dict.fromkeys([*task.measures, *filter(task.find, further)]))


def functions_of(metrics: Iterable[Metric]) -> Mapping[str, Function]:
    """{curve: the function from logits [N, K] and targets [N, ...] to its next point}."""
    return {metric.curve: metric.of_logits for metric in metrics if metric.curve}


def named_metrics(tree: Any, words: Iterable[str], task: Task) -> tuple[Metric, ...]:
    """The metrics in a config's `metrics`, and its metric unless that is given elsewhere."""
    metrics = further_metrics(words, task)
    if isinstance(tree, str) or "word" in tree:
        metrics += (find_metric(tree, task=task),)
    return metrics


def known_curves(tree: Any, words: Iterable[str], task: Task) -> tuple[str, ...]:
    """The names of the curves that trials will have, as far as the config determines them.

    tree: the config's metric, which may be given elsewhere; words: the config's `metrics`.
    """
    words, goal = tuple(words), Goal.from_tree(tree)
    metrics = named_metrics(tree, words, task)
    trained = (TRAIN + name for name in task.train_measures)
    measured = (VAL + name for name in measures_of([goal.name, *words], task))
    return in_order([*trained, *measured, *functions_of(metrics)])
