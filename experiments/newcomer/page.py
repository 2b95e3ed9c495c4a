"""F. The page of a report, and dashboards."""

import re
import shutil
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from experiments.newcomer.base import flat, item, need
from experiments.newcomer.workshop import Workshop

IDENTIFIER = re.compile(r"[a-z]+_[a-z]+|n_a|series")
FIT = """() => [...document.querySelectorAll('svg, table, pre, img, nav')].filter(e => {
    const wide = e.getBoundingClientRect().width > window.innerWidth + 1;
    let own = e.parentElement;
    while (own && getComputedStyle(own).overflowX === 'visible') own = own.parentElement;
    return wide && (!own || own === document.documentElement);
}).length"""


def heads(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]*)", page)


@item(41, "the page's answer: the best network, how good it is, what to type next")
def answer(shop: Workshop) -> str:
    page = shop.page
    order = heads(page)
    need(order[0] == "The best network", f"it opens with {order[0]}")
    need(order.index("Statistics") > 4, f"statistics are number {order.index('Statistics') + 1}")
    top = page[page.index(order[0]) : page.index(f"{order[1]}</h2>")]
    text = flat(re.sub(r"<[^>]+>", " ", top))
    for word in ("test accuracy", "parameters", "hptjax predict", "stem.out_channels"):
        need(word in text, f"it does not say {word!r}")
    titles = re.findall(r"<th[^>]*>([^<]*)", page[page.index("Statistics</h2>") :])
    raw = [title for title in titles if title in ("n_a", "n_b", "series", "p_holm", "a12", "u")]
    need(not raw, f"heads are {raw}")
    return text[:250]


@item(42, "plots of the same thing, on one scale")
def repeated(shop: Workshop) -> str:
    page = shop.page
    order = heads(page)
    figures = page[page.index("Figures</h2>") : page.index("Statistics</h2>")]
    captions = [flat(text) for text in re.findall(r'alt="([^"]*)"', figures)]
    again = [text for text in captions if "best so far" in text.lower()]
    need(not again, f"{len(again)} still pictures repeat the plot above: {again}")
    need(order.count("Best so far") == 1, f"the parts are {order}")
    return f"'Best so far' is drawn once; still pictures: {'; '.join(captions)}"


@item(43, "the page at 400 px, and its size")
def narrow(shop: Workshop) -> str:
    size = len(shop.page.encode())
    need(size < 1_000_000, f"it is {size / 1e6:.1f} MB")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    need(chromium, "a browser is needed to see it, and there is none here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as made:
        browser = made.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 400, "height": 800})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(Path(shop.folder / "page/report.html").as_uri())
        page.wait_for_selector("svg path", state="attached")
        wide = page.evaluate("document.documentElement.scrollWidth")
        cut, bars = page.evaluate(FIT), page.locator(".modebar").count()
        browser.close()
    need(not errors, f"it says {errors}")
    need(wide <= 400, f"it is {wide} px wide in a window of 400")
    need(not cut, f"{cut} elements are cut off")
    need(not bars, "a tool bar lies over the plots")
    return f"{size // 1000} kB; at 400 px nothing is cut off or wider, no tool bar over a plot"


@item(44, "TensorBoard's tags, Optuna's axes and names")
def dashboards(shop: Workshop) -> str:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tags = set()
    for folder in {path.parent for path in (shop.run / "tb").rglob("*tfevents*")}:
        found = EventAccumulator(str(folder))
        found.Reload()
        tags |= set(found.Tags()["scalars"])
    need({"train/loss", "val/accuracy"} <= tags, f"tags are {sorted(tags)}")
    need(not any(tag.startswith("ptl/") for tag in tags), f"tags are {sorted(tags)}")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(shop.run / "optuna.journal")))
    studies = {one.study_name: one for one in optuna.get_all_study_summaries(storage)}
    name = next(iter(studies))
    metrics = optuna.load_study(study_name=name, storage=storage).metric_names
    need(metrics and metrics == ["val_loss"], f"Optuna's axis is {metrics}")
    need(all("/" in one for one in studies), f"studies are called {list(studies)}")
    return f"tags {', '.join(sorted(tags)[:4])}; Optuna: {', '.join(studies)}, axis {metrics}"
