"""The confusion matrix of a network as HTML."""

from collections.abc import Sequence
from html import escape

import numpy as np

from hptjax.report import page
from hptjax.report.best import TestFigures

MOST = 20  # the most classes of a matrix; for more, a list of the most confused pairs
PAIRS = 20
FEW = 12  # the most classes whose numbers can be read in a narrow window


def confusion(test: TestFigures) -> str:
    """A matrix with a row for each true class, or a list of pairs; empty without a matrix."""
    if not test.confusion:
        return ""
    counts = np.array(test.confusion, int)
    text = f"{counts.sum():,} test images; {_most_often(counts, test.class_names)}"
    few = len(counts) <= MOST
    made = _matrix(counts, test.class_names) if few else _pairs(counts, test.class_names)
    return page.heading("Confusion of classes") + page.note(text) + made


def _most_often(counts: np.ndarray, names: Sequence[str]) -> str:
    found = confused(counts)
    if not found:
        return "no image is taken for another class."
    row, column, count = found[0]
    return (
        f"most often {names[row]} is taken for {names[column]}: {count} of {counts[row].sum()}. "
        "Rows are true classes, columns predicted ones, in per cent of the row."
    )


def confused(counts: np.ndarray) -> list[tuple[int, int, int]]:
    """(true class, predicted class, how often), the most frequent first; counts: [K, K]."""
    wrong = counts - np.diag(np.diag(counts))
    places = np.argsort(-wrong, axis=None, kind="stable")
    pairs = [(int(k) // len(counts), int(k) % len(counts)) for k in places]
    return [(i, j, int(wrong[i, j])) for i, j in pairs if wrong[i, j]]


def _matrix(counts: np.ndarray, names: Sequence[str]) -> str:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    heads = "".join(f'<th title="{escape(name)}">{escape(name)}</th>' for name in names)
    rows = ""
    for i, name in enumerate(names):
        cells = "".join(
            _square(float(shares[i, j]), i == j, f"{names[i]} taken for {names[j]}: {counts[i, j]}")
            for j in range(len(names))
        )
        rows += f'<tr><th title="{escape(name)}">{escape(name)}</th>{cells}</tr>'
    many = " many" * (len(names) > FEW)
    return (
        f'<table class="confusion{many}" style="--k: {len(names)}"><thead><tr><th></th>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _square(share: float, right: bool, title: str) -> str:
    """A cell that is darker for a larger share; green for right classes, red for wrong ones."""
    hue = "27, 127, 77" if right else "200, 50, 40"
    strength = share**0.7 * 0.85
    ink = "#fff" if strength > 0.5 else "#1c2733"
    text = f"{share:.0%}".removesuffix("%") if share >= 0.005 else ""
    return (
        f'<td style="background: rgba({hue}, {max(strength, 0.04):.2f}); color: {ink}" '
        f'title="{escape(title)}">{text}</td>'
    )


def _pairs(counts: np.ndarray, names: Sequence[str]) -> str:
    totals = counts.sum(axis=1)
    rows = [
        (names[i], names[j], count, count / totals[i]) for i, j, count in confused(counts)[:PAIRS]
    ]
    columns = ("true class", "taken for", "images", "part of the class")
    return page.table(columns, rows, text=columns[:2], bars=columns[3:])
