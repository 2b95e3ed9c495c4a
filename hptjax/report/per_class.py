"""Tables of a network's results for each class, for a terminal."""

from collections.abc import Iterator

import numpy as np
from rich.cells import cell_len

from hptjax.models.confusion import PerClass
from hptjax.report.terminal import EDGES, PlainTable

LISTED = 15  # mistakes to list if the matrix is too wide


def per_class_tables(found: PerClass, width: int) -> Iterator[PlainTable]:
    """Measures of each class, then the confusion matrix, or its worst entries if it is too wide.

    width: the width of the terminal, in characters.
    """
    yield measures_table(found)
    matrix = confusion_table(found)
    if table_width(matrix) <= width:
        yield matrix
    else:
        yield mistakes_table(found)


def measures_table(found: PerClass) -> PlainTable:
    """Precision, recall, F1 and number of images of each class, and their means.

    The means are over the classes that have an image or a prediction, as in macro_f1.
    """
    table = PlainTable()
    table.add_column("class", overflow="fold")
    for name in ("precision", "recall", "f1", "images"):
        table.add_column(name, justify="right", no_wrap=True)
    measures = found.precision, found.recall, found.f1
    for k, name in enumerate(found.class_names):
        table.add_row(name, *(f"{values[k]:.4f}" for values in measures), str(found.count[k]))
    table.add_section()
    counted = found.count + found.confusion.sum(0) > 0
    means = (f"{values[counted].mean() if counted.any() else 0:.4f}" for values in measures)
    table.add_row("mean of the classes", *means, str(found.count.sum()))
    return table


def confusion_table(found: PerClass) -> PlainTable:
    """How many images of each class (rows) are predicted as each class (columns, by number)."""
    table = PlainTable()
    table.add_column("is / taken for", no_wrap=True)
    for k in range(len(found.class_names)):
        table.add_column(str(k), justify="right", no_wrap=True)
    for k, (name, row) in enumerate(zip(found.class_names, found.confusion, strict=True)):
        told = name if name == str(k) else f"{k} {name}"
        table.add_row(told, *("." if not count else str(count) for count in row))
    return table


def mistakes_table(found: PerClass) -> PlainTable:
    """The most frequent confusions."""
    wrong = found.confusion * (1 - np.eye(len(found.confusion), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED]
    table = PlainTable(title="The most frequent mistakes", title_justify="left")
    for name in ("class", "taken for"):
        table.add_column(name, overflow="fold")
    for name in ("images", "of"):
        table.add_column(name, justify="right", no_wrap=True)
    for true, guess in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[true, guess]:
            names = found.class_names[true], found.class_names[guess]
            table.add_row(*names, str(wrong[true, guess]), str(found.count[true]))
    return table


def table_width(table: PlainTable) -> int:
    """The width of a table in characters, without any wrapping."""
    columns = ([str(column.header), *map(str, column.cells)] for column in table.columns)
    return 1 + sum(EDGES + max(map(cell_len, texts)) for texts in columns)
