"""E. In a notebook."""

import pydoc

import hptjax
from experiments.newcomer.base import item, need
from experiments.newcomer.workshop import Workshop

LINE, PAGE = 300, 60_000  # characters that are still read at a glance; of a page's HTML


@item(38, "what is shown of images, results and configs")
def shown(shop: Workshop) -> str:
    result, images = shop.result, hptjax.load_images("sample")
    study = hptjax.load_study(shop.study)
    things = (images, result, result.best, study, study.model, hptjax.load_model_config("model"))
    said = {}
    for thing in things:
        text, page = repr(thing), thing._repr_html_()
        need(len(text) <= LINE and "\n" not in text, f"{type(thing).__name__}: {len(text)} letters")
        need(0 < len(page) < PAGE, f"{type(thing).__name__}: a page of {len(page)}")
        said[type(thing).__name__] = len(text)
    frame = result.to_frame()
    need(len(frame) == 4 and "val_accuracy" in frame, f"to_frame has {list(frame)}")
    lengths = ", ".join(f"{name} {length}" for name, length in said.items())
    return f"one line and a page each: letters of {lengths}; to_frame has {len(frame)} rows"


@item(39, "plots by an import of all names, and drawn in a cell")
def plots(shop: Workshop) -> str:
    names: dict[str, object] = {}
    exec("from hptjax.report.plots import *", names)
    drawn = sorted(name for name in names if name.startswith("plot_"))
    need("plot_best_so_far" in drawn, f"it imports {sorted(names)}")
    plot = shop.result.plot()
    need(plot._repr_png_()[:4] == b"\x89PNG", "a cell shows no picture")
    return f"{len(drawn)} plots are imported; result.plot() shows itself: {plot!r}"


@item(40, "help(hptjax)")
def helped(shop: Workshop) -> str:
    text = pydoc.plain(pydoc.render_doc(hptjax))
    absent = [name for name in hptjax.__all__ if name not in text]
    need(not absent, f"it lacks {absent}")
    for name in ("DataError", "MissingExtraError", "tune", "Network"):
        need(name in hptjax.__all__, f"{name} is not public")
    first = text.split("DESCRIPTION")[1].split("\n")[1:3]
    return f"all {len(hptjax.__all__)} names, as {' '.join(first)}"
