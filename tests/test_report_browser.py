"""The report page as a browser shows it: it fetches nothing, and what can be touched works."""

import base64
import io
import json
import shutil
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from hptjax.records import load_run
from hptjax.report import html
from tests import fakes
from tests.pages import make_run, report

CHROMIUM = Path("/usr/bin/chromium")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}
CURVE = "#plot-learning-curves path.curve"


def png():
    file = io.BytesIO()
    matplotlib.image.imsave(file, np.arange(64.0).reshape(8, 8), cmap="gray", format="png")
    return base64.b64encode(file.getvalue()).decode()


def test_figures(trial):
    """What a run notes of its best network on test images."""
    names = ["a cat", "<b>dog</b>", "hen"]
    wrong = {"index": 3, "label": names[0], "predicted": names[1], "probability": 0.93}
    return {
        "trial": trial,
        "images": 30,
        "measures": {"loss": 0.51, "accuracy": 0.875},
        "class_names": names,
        "confusion": [[8, 2, 0], [1, 9, 0], [0, 1, 9]],
        "wrong": [{**wrong, "png": png()}],
    }


test_figures.__test__ = False  # a helper, no test  # pyright: ignore[reportFunctionMemberAccess]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of forty trials, with test figures."""
    config = fakes.study(
        strategies=("random", "tpe"), budget={"generations": 3}, metric="val_accuracy"
    )
    path = make_run(tmp_path_factory.mktemp("made") / "run", config)
    best = load_run(path).best
    (path / "best").mkdir()
    (path / "best" / "test.json").write_text(
        json.dumps(test_figures(f"{best.strategy}/{best.number}"))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "named_pictures", lambda view: [])  # still ones: drawn elsewhere
        report(path)
    return path


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists() and not shutil.which("chromium"):
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as made:
        path = CHROMIUM if CHROMIUM.exists() else shutil.which("chromium")
        shown = made.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield shown
        shown.close()


@pytest.fixture(scope="module")
def page(run, browser):
    """The page on a wide window, what it said and what it asked for."""
    page = browser.new_page(viewport=WIDE)
    page.said, page.fetched = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.fetched.append(request.url))
    page.goto((run / "report" / "report.html").as_uri())
    page.wait_for_selector(CURVE)
    return page


def ranks(page):
    """The ranks of the leaderboard's rows that are shown, from the top."""
    rows = page.locator("#leaderboard tbody tr:not([hidden])")
    return [int(text) for text in rows.locator("td:first-child").all_inner_texts()]


def test_it_says_nothing_and_fetches_nothing_but_itself(run, page):
    assert page.said == []
    own = [url for url in page.fetched if not url.startswith("data:")]
    assert own == [(run / "report" / "report.html").as_uri()]


def test_it_opens_with_the_answer(run, page):
    best = load_run(run).best
    lead = page.locator("p.lead").inner_text()
    assert f"{best.strategy}/{best.number}: val_accuracy {best.value:.4f}" in lead
    assert "higher is better" in lead
    assert page.locator(".number b").first.inner_text() == "0.8750"
    assert page.locator(".confusion tbody td").count() == 9
    assert page.locator(".wrong img").count() == 1
    assert "<b>dog</b>" in page.locator(".wrong figcaption").inner_text()
    assert f"hptjax predict {run}" in page.locator("pre").first.inner_text()


def test_the_answer_fills_both_columns(page):
    boxes = [block.bounding_box() for block in page.locator(".halves > div").all()]
    ends = {}
    for box in boxes:
        ends[box["x"]] = max(ends.get(box["x"], 0), box["y"] + box["height"])
    assert len(boxes) == 5
    assert len(ends) == 2
    left, right = ends.values()
    assert abs(left - right) < max(box["height"] for box in boxes)


def test_a_click_on_a_head_sorts(page):
    page.locator("#leaderboard th", has_text="rank").click()
    rising = ranks(page)
    assert rising == sorted(rising)
    page.locator("#leaderboard th", has_text="rank").click()
    assert ranks(page) == rising[::-1]
    page.locator("#leaderboard th", has_text="rank").click()


def test_words_and_conditions_filter(run, page):
    box, whole = page.locator("input[data-filter]"), len(ranks(page))
    trials = load_run(run).trials
    box.fill("tpe")
    assert len(ranks(page)) == sum(trial.strategy == "tpe" for trial in trials) < whole
    box.fill("tpe lr<0.01")
    few = [t for t in trials if t.strategy == "tpe" and t.hparams["lr"] < 0.01]
    assert 0 < len(ranks(page)) == len(few) < whole / 2
    assert page.locator("[data-count=leaderboard]").inner_text() == f"{len(few)} of {whole} rows"
    box.fill("")
    assert len(ranks(page)) == whole


def test_a_box_of_the_leaderboard_shows_a_curve(page):
    shown = page.locator(CURVE)
    first = shown.count()
    boxes = page.locator("#leaderboard input[data-curve]")
    name = boxes.nth(7).get_attribute("data-curve")
    boxes.nth(7).check()
    assert shown.count() == first + 1
    assert page.locator(f"{CURVE}[data-name='{name}']").count() == 1
    boxes.nth(7).uncheck()
    assert shown.count() == first


def test_a_click_on_a_name_hides_its_curve(page):
    curves = page.locator("#plot-best-so-far path.curve")
    assert curves.count() == 2
    name = page.locator("#plot-best-so-far .legend button", has_text="random")
    name.click()
    assert [curve.get_attribute("data-name") for curve in curves.all()] == ["tpe"]
    name.click()
    assert curves.count() == 2


def test_the_menu_changes_what_it_is_drawn_against(page):
    def drawn():
        svg = page.locator("#plot-best-so-far svg")
        return svg.locator("text.name").text_content(), svg.locator("path").first.get_attribute("d")

    before = drawn()
    page.locator("#plot-best-so-far select").select_option(label="epochs trained, all networks")
    after = drawn()
    assert before[0] == "evaluations"
    assert after[0] == "epochs trained, all networks"
    assert before[1] != after[1]


def test_dragging_along_an_axis_keeps_the_trials_in_a_range(page):
    plot = page.locator("div.parallel")
    plot.scroll_into_view_if_needed()
    band = plot.locator(".band").last.bounding_box()
    y = band["y"] + band["height"] / 2
    page.mouse.move(band["x"] + band["width"] * 0.6, y)
    page.mouse.down()
    page.mouse.move(band["x"] + band["width"], y, steps=3)
    page.mouse.up()
    all_, out = plot.locator("path.trial").count(), plot.locator("path.trial.out").count()
    assert 0 < out < all_
    said = plot.locator(".yname").inner_text()
    assert said == f"{all_ - out} of {all_} trials are in all ranges"


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "400"])
def test_nothing_scrolls_sideways(run, browser, viewport):
    page = browser.new_page(viewport=viewport)
    page.goto((run / "report" / "report.html").as_uri())
    page.wait_for_selector(CURVE)
    page.evaluate("document.querySelectorAll('details').forEach(own => own.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    wider = """[...document.querySelectorAll('*')]
        .filter(own => own.scrollWidth > own.clientWidth + 1 && own.clientWidth
            && ['auto', 'scroll'].includes(getComputedStyle(own).overflowX))
        .map(own => own.outerHTML.slice(0, 80))"""
    assert page.evaluate(wider) == []
    page.close()
