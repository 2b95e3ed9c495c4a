"""Keys of layers in a list and of entries of a space: no field of a model, so told here.

A test holds them to the words that the readers of configs know.
"""

from collections.abc import Iterator, Mapping

from hptjax_docs.markdown import code, escaped, fenced, heading, table

ITEMS: Mapping[str, str] = {
    "label": "The layer's name in names of hparams; without one its word, and its place.",
    "depth": "How many copies stand in a row, 0 for none; an entry tunes it.",
    "choice": "The layer itself is tuned: a list of words and parts, of which `none` is no layer.",
    "stack": "Several layers that are repeated together: `depth` and `layers`.",
}
KINDS: Mapping[str, str] = {
    "float": "A real number between two ends, both included: `{float: [low, high]}`.",
    "int": "A whole number between two ends, both included: `{int: [low, high]}`.",
    "choice": "One of a list of values; or of a mapping of names to what they stand for.",
}
OPTIONS: Mapping[str, str] = {
    "log": "Equal ratios are equally likely, and not equal differences.",
    "step": "Only low, low + step, ... are values.",
    "grid": "The values that grid search visits; by default all of up to five, else three.",
    "snap": "A network takes the nearest value of the grid, so that no other is compiled for.",
    "default": "The value that `hptjax train` takes.",
    "each": "Each copy of a layer with a depth has a value of its own.",
}
EXAMPLE = """\
model:
  layers:
    - conv: {label: stem, out_channels: {int: [8, 16], log: true}, norm: batch, activation: relu}
    - residual:
        label: stage
        depth: {int: [1, 2]}
        out_channels: =2 * stem.out_channels
        stride: [2, 1]
    - {label: pool, choice: [max_pool, none]}
    - flatten
    - linear:
        label: hidden
        depth: {int: [0, 2]}
        out_features: {int: [16, 128], each: true}
        activation: relu
    - head
  optimizer: {choice: [adam, {sgd: {momentum: {float: [0.5, 0.99]}, nesterov: true}}]}
  lr: {float: [1.0e-4, 1.0e-1], log: true, default: 0.001}
data: {source: sample}
"""


def written_page() -> Iterator[str]:
    """Yields the sections about layers in a list, and about entries."""
    yield heading(2, "Layers in a list", "items")
    yield (
        "A layer is a word of the table [layers](layers.md), `word: VALUE` or "
        "`word: {option: value}`. Beside its own options it takes:\n"
    )
    yield _told(ITEMS)
    yield (
        "A list in place of a value goes copy by copy, its last value on. "
        "`=2 * stem.out_channels` is the value of another option, or a number times it.\n"
    )
    yield heading(2, "Entries", "entries")
    yield (
        "An entry stands in place of a value, or in `space` under the value's name, and says what "
        "is tuned. Names are places: `stem.out_channels`, `hidden.1.out_features`, "
        "`optimizer.sgd.momentum`; `hptjax describe` lists them. An hparam of what is not there is "
        "inactive: no trial has a value for it.\n"
    )
    yield _told(KINDS)
    yield "Beside its kind an entry takes:\n"
    yield _told(OPTIONS)
    yield fenced(EXAMPLE, "yaml")


def _told(keys: Mapping[str, str]) -> str:
    return table(["key", "meaning"], [[code(key), escaped(said)] for key, said in keys.items()])
