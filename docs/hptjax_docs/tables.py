"""The pages of the tables: each word that a config may name, with its options."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hptjax.cli.listing import everything, first_comment
from hptjax.cli.parts import ListedTable
from hptjax.cli.tables import CONFIGS, METRICS, SHELVES, Shelf
from hptjax.config.layer_hparams import kind_of
from hptjax.config.named import main_option, options_of
from hptjax.config.options import known_options
from hptjax.config.yaml_file import read_yaml
from hptjax.errors import ConfigError, MissingExtraError
from hptjax.table import TableRow
from hptjax_docs.markdown import anchor, code, escaped, fenced, heading, table
from hptjax_docs.meanings import about, doc, docs_of, meanings, sentence
from hptjax_docs.options import default_of_field, flow, kind_of_field

TITLES: Mapping[str, str] = {
    "activations": "Activations",
    "optimizers": "Optimizers",
    "layers": "Layers",
    "norms": "Norms",
    "lr_schedules": "Learning-rate schedules",
    "tasks": "Tasks",
    "augmentations": "Augmentations",
    "sources": "Data sources",
    "searchers": "Searchers",
    "executors": "Executors",
    "schedules": "Schedules of a search",
    "sinks": "Sinks",
    METRICS: "Metrics",
    CONFIGS: "Packaged configs",
}
ROWS = Path(__file__).with_name("rows.yaml")
# Tables of words that belong to a layer: the layers that name one.
_LAYERS: Mapping[str, Callable[[str], Sequence[Any]]] = {
    "activations": lambda word: [{"conv": 8}, {"activation": word}, "flatten", "head"],
    "norms": lambda word: [{"conv": {"out_channels": 8, "norm": word}}, "flatten", "head"],
}
_PLACES: Mapping[str, str] = {
    "activations": (
        "It is a layer `activation`, or a value of a layer's option `activation`; the original "
        "study's form calls the key `activation_fun`."
    ),
}
_WHOLE = "An example is a whole model: `hptjax train FILE.yaml` trains it on the bundled images."
_VARIES = {"width": "padded", "traced": "traced", "static": "static"}
_PARTS = {"norm": "norms", "activation": "activations", "function": "activations"}


def table_pages() -> dict[str, str]:
    """Returns {place in the manual: Markdown} of all tables."""
    listed = everything()
    missing = listed.keys() - TITLES.keys()
    assert not missing, f"tables without a title: {missing}"
    return {f"reference/{seam}.md": "\n".join(_page(seam)) for seam in listed}


def _page(seam: str) -> Iterator[str]:
    yield f"# {TITLES[seam]}\n"
    yield f"What `hptjax list {seam}` prints, in full.\n"
    if seam in SHELVES:
        shelf = SHELVES[seam]
        yield f"{escaped(_PLACES.get(seam, shelf.place))}\n"
        if shelf.of_layers or seam in _LAYERS:
            yield f"{_WHOLE}\n"
        yield from _own(seam)
        for row in shelf.table.rows():
            yield from _row(seam, shelf, row)
        return
    one = everything()[seam]
    for word, said in one.abouts():
        text = one.text(word)
        yield heading(2, code(word), anchor(word))
        yield f"{escaped(first_comment(text) if seam == CONFIGS else sentence(said))}\n"
        yield fenced(text, "yaml")


def _own(seam: str) -> Iterator[str]:
    """What a package must do to add a row, of every table the same."""
    yield (
        f"Another package adds its rows by the entry points `hptjax.{seam}`; `my_module:MyPart` in "
        f"place of a word names a part of your own.\n"
    )


def _row(seam: str, shelf: Shelf, row: TableRow) -> Iterator[str]:
    yield heading(2, code(row.word), anchor(row.word))
    if row.is_family:
        yield from _family(seam, shelf, row)
        return
    found = shelf.table.find(row.word, seam)
    model, names = _options(shelf, row.word, found)
    texts = [doc(found)] if model is None else [doc(found), doc(model)]
    for paragraph in dict.fromkeys(p for text in texts for p in about(text, names)):
        yield f"{escaped(paragraph)}\n"
    yield fenced(example(seam, row.word, model, names), "yaml")
    if model is not None and names:
        yield option_table(row.word, model, names, doc(found), shelf.of_layers)
    elif row.word not in shelf.written:
        yield "It takes no options.\n"


def _family(seam: str, shelf: Shelf, row: TableRow) -> Iterator[str]:
    for paragraph in about(doc(row.load()), ()):
        yield f"{escaped(paragraph)}\n"
    for member in shelf.table.members(row.word):
        try:
            text = ListedTable(seam, shelf).text(member)
        except (ConfigError, MissingExtraError) as error:
            text = f"# {error}"
        body = "".join(
            f"    {line}\n" if line else "\n" for line in fenced(text, "yaml").split("\n")
        )
        yield f'??? note "`{member}`"\n\n{body}'


def _options(shelf: Shelf, word: str, found: object) -> tuple[type[BaseModel] | None, list[str]]:
    model = options_of(found)
    if word in shelf.written or not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None, []
    names = known_options(word, model) if shelf.of_layers else tuple(model.model_fields)
    return model, [name for name in names if name not in shelf.hidden]


@cache
def written_examples() -> Mapping[str, Mapping[str, Any]]:
    """Returns {table: {word: YAML, or layers}} of rows that need more than their word."""
    return read_yaml(ROWS)


def example(seam: str, word: str, model: type[BaseModel] | None, names: list[str]) -> str:
    """Returns lines that name a row: of rows of layers, norms and activations a whole model.

    model, names: its options, if it has some. Those that a row of another package requires stand
    as `VALUE`.
    """
    shelf = SHELVES[seam]
    found = shelf.written.get(word) or written_examples().get(seam, {}).get(word)
    if found:
        return found if isinstance(found, str) else _model_of(found)
    if seam in _LAYERS:
        return _model_of(_LAYERS[seam](word))
    required = [n for n in names if model is not None and model.model_fields[n].is_required()]
    if not required or model is None:
        return shelf.usage(word)
    values = "{" + ", ".join(f"{n}: VALUE" for n in required) + "}"
    given = "VALUE" if required == [main_option(model)] else values
    return shelf.usage("WORD").replace("WORD", f"{{{word}: {given}}}")


def _model_of(layers: Sequence[Any]) -> str:
    lines = [flow(layer).removeprefix("{").removesuffix("}") for layer in layers]
    return "\n".join(["model:", "  layers:", *(f"    - {line}" for line in lines)])


def option_table(
    word: str, model: type[BaseModel], names: list[str], text: str, of_layers: bool
) -> str:
    """Returns a table of options: what each may be, its default, and what it means."""
    said = meanings([text, *docs_of(model)], names)
    head = ["option", "may be", "default", *(["varies"] if of_layers else []), "meaning"]
    rows = []
    for name in names:
        field = model.model_fields[name]
        kind = kind_of_field(name, field)
        if of_layers and name in _PARTS:
            kind = f"[{_PARTS[name]}]({_PARTS[name]}.md)"
        varies = [_VARIES[kind_of(model, name)]] if of_layers else []
        main = f" `{word}: VALUE` sets it." if name == main_option(model) else ""
        cells = [code(name), kind, default_of_field(field), *varies]
        rows.append([*cells, escaped(said.get(name, "")) + main])
    return table(head, rows)
