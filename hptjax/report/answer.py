"""The head of the page: the best network in words, its measures, and how to use it."""

import shlex
from collections.abc import Mapping
from html import escape
from typing import Any

from hptjax.records.goal import Goal
from hptjax.records.metrics import VAL, known_direction, measure_of
from hptjax.report import page
from hptjax.report.best import BestNetwork, TestFigures
from hptjax.report.confusion import confusion
from hptjax.report.console import show_number

SHOWN_FIRST = ("accuracy", "micro_f1", "r2", "mae")  # measures that a headline prefers


def answer(best: BestNetwork, goal: Goal, trials: int, data: str | None) -> str:
    """The HTML of the page's head; trials: how many there were; data: the source of the images."""
    blocks = [
        _reached(best, goal, data),
        _network(best),
        _hparams(best.trial.hparams),
        _commands(best),
        confusion(best.test) if best.test else "",
    ]
    whole = "".join(f"<div>{block}</div>" for block in blocks if block)
    parts = [
        f'<p class="lead">{escape(_sentence(best, goal, trials))}</p>',
        _headline(best, goal),
        f'<div class="halves">{whole}</div>',
        _wrong(best.test) if best.test else "",
    ]
    return "".join(parts)


def _sentence(best: BestNetwork, goal: Goal, trials: int) -> str:
    value, age, epoch = show_number(best.trial.value), best.trial.age, best.trial.judged_epoch
    several = f"The best of {trials} trials is" if trials > 1 else "The one trial is"
    when = f"after {age} epoch{'s' * (age != 1)} of training"
    when = when if epoch == age else f"as it was after epoch {epoch} of {age}"
    return f"{several} {best.name}: {goal.name} {value} ({goal.better} is better) {when}."


def _headline(best: BestNetwork, goal: Goal) -> str:
    """The few most important numbers, in large type."""
    numbers = []
    main = main_measure(best, goal)
    if best.test is not None and main is not None:
        numbers.append((show_number(best.test.measures[main]), f"test {main}, {_images(best)}"))
    numbers.append((show_number(best.trial.value), f"{goal.name}, {goal.better} is better"))
    if best.ensemble is not None:
        numbers += _ensemble_numbers(best, main)
    if best.parameters is not None:
        numbers.append((f"{best.parameters:,}", "parameters"))
    if best.flops is not None:
        numbers.append((count_text(best.flops), "FLOPs for an image"))
    shown = "".join(
        f'<div class="number{" first" * (k == 0)}"><b>{escape(value)}</b>'
        f"<span>{escape(what)}</span></div>"
        for k, (value, what) in enumerate(numbers)
    )
    return f'<div class="figures-row">{shown}</div>'


def _images(best: BestNetwork) -> str:
    assert best.test is not None
    return f"{best.test.images:,} images"


def _ensemble_numbers(best: BestNetwork, main: str | None) -> list[tuple[str, str]]:
    assert best.ensemble is not None
    measures, networks = best.ensemble.measures, len(best.ensemble.members)
    name = next((n for n in (main, f"{VAL}{main}", *measures) if n in measures), None)
    if name is None:
        return []
    return [(show_number(measures[name]), f"validation {name}, ensemble of {networks} networks")]


def main_measure(best: BestNetwork, goal: Goal) -> str | None:
    """The test measure for the headline: the measure of the metric, or the best known one."""
    if best.test is None or not best.test.measures:
        return None
    wanted = (*SHOWN_FIRST, measure_of(goal.name), *best.test.measures)
    if goal.name != "val_loss":
        wanted = (measure_of(goal.name), *wanted)
    return next(name for name in wanted if name in best.test.measures)


def _network(best: BestNetwork) -> str:
    parts = []
    if best.layers:
        rows = [(row.name, row.words, row.out, f"{row.parameters:,}") for row in best.layers]
        columns = ("layer", "kind", "output", "parameters")
        made = page.table(columns, rows, text=columns[:3], wrapped=("kind",))
        parts += [page.heading("Layers"), made, page.note(f"Trained by {best.recipe}.")]
    else:
        parts.append(page.note(f"Its layers cannot be shown here: {best.trouble}"))
    return "".join(parts)


def _hparams(hparams: Mapping[str, Any]) -> str:
    if not hparams:
        return ""
    rows = [(name, page.show(value)) for name, value in hparams.items()]
    made = page.table(("name", "value"), rows, text=("name", "value"))
    return page.heading("Hyperparameters") + made


def _reached(best: BestNetwork, goal: Goal, data: str | None) -> str:
    """Each measure on validation and test images, with the better direction."""
    rows = []
    tested = {} if best.test is None else best.test.measures
    held = [name for name in best.trial.epochs if name.startswith(VAL)]
    for name in dict.fromkeys([*map(measure_of, held), *tested]):
        direction = known_direction(f"{VAL}{name}")
        better = {"minimize": "lower", "maximize": "higher", None: ""}[direction]
        if f"{VAL}{name}" == goal.name:
            better = goal.better
        values = (show_number(best.trial.judged(f"{VAL}{name}")), show_number(tested.get(name)))
        rows.append((name, better, *values[: 1 + bool(tested)]))
    columns = ("measure", "better", "validation", "test")[: 3 + bool(tested)]
    made = page.table(columns, rows, text=columns[:2])
    text = _test_text(best, data)
    return page.heading("Measures") + made + page.note(text) + _ensemble(best)


def _test_text(best: BestNetwork, data: str | None) -> str:
    if best.test is not None:
        return (
            f"The test images ({best.test.images:,}) took no part in the search: expect "
            "such figures for new images. The validation figures chose the network and flatter it."
        )
    source = f" of {data}" if data else ""
    return (
        "There are no test figures: the run has no test split, is not finished, or was made by an "
        f"earlier version. hptjax evaluate {_run(best)} measures the network on the test "
        f"images{source}, or on those of --data. The validation figures chose the network and "
        "flatter it."
    )


def _ensemble(best: BestNetwork) -> str:
    if best.ensemble is None:
        return ""
    members = ", ".join(
        f"{name} ({count} times)" if count > 1 else name
        for name, count in best.ensemble.members.items()
    )
    reached = ", ".join(f"{n} {show_number(v)}" for n, v in best.ensemble.measures.items())
    text = f"An ensemble of {members} reaches {reached} on the validation images."
    return page.heading("Ensemble") + page.note(text)


def _commands(best: BestNetwork) -> str:
    """The commands to use the network."""
    run = _run(best)
    lines = [
        *([] if best.test else [f"hptjax evaluate {run}  # on test images"]),
        f"hptjax predict {run} image.png",
        f"hptjax export {run} --to best.onnx",
        *([f"hptjax predict {run} image.png --ensemble"] if best.ensemble else []),
        "",
        "# in Python",
        "import hptjax",
        f"network = hptjax.load_network({str(best.path)!r})",
        "network.predict(images)  # [N, H, W, C]",
    ]
    return page.heading("How to use it") + f"<pre>{escape(chr(10).join(lines))}</pre>"


def _run(best: BestNetwork) -> str:
    return shlex.quote(str(best.path))


def _wrong(test: TestFigures) -> str:
    """The most confident wrong predictions, with their images."""
    if not test.wrong:
        return ""
    shown = "".join(
        f'<figure><img src="data:image/png;base64,{escape(own.png)}" alt="test image {own.index}">'
        f"<figcaption>{escape(own.label)}, taken for <b>{escape(own.predicted)}</b> "
        f"({own.probability:.0%})</figcaption></figure>"
        for own in test.wrong
    )
    text = "Test images that it classifies wrongly, the most confident predictions first."
    return page.heading("Mistakes") + page.note(text) + f'<div class="wrong">{shown}</div>'


def count_text(count: float) -> str:
    """A large number in a word: `3.1 million`."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if count >= size:
            return f"{count / size:.3g} {word}"
    return f"{count:,.0f}"


def answer_of_table(hparams: Mapping[str, Any], name: str, goal: Goal, value: float) -> str:
    """The HTML about the best trial of a table without a run."""
    text = f"The best trial is {name}: {goal.name} {value:.4f} ({goal.better} is better)."
    return f'<p class="lead">{escape(text)}</p>{_hparams(hparams)}'
