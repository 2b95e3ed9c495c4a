"""Runs to report on, and what the page about them holds."""

import json
from html.parser import HTMLParser

from hptjax.cli import main as cli
from hptjax.records import RunDirectory
from hptjax.records.environment import environment, note_environment
from hptjax.search import run_study
from tests import fakes


class Reader(HTMLParser):
    """Addresses, ids and the cells of each table."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.tables, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.links += [found[key] for key in ("src", "href", "action", "data") if key in found]
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.tables[-1][-1][-1] += data


def make_run(path, config, executor=fakes.FakeExecutor, **options):
    with RunDirectory(path, config.to_dict()) as directory:
        run_study(config, fakes.data(), journal=directory.journal, executor=executor(), **options)
        note_environment(path, environment(["cpu:0 <chip>"], kernels=True))
    return path


def report(*words):
    assert cli.main(["report", *map(str, words)]) == 0


def charts_of(text):
    """What the page's charts hold, by their ids."""
    found = {}
    for part in text.split('id="plot-')[1:]:
        name, rest = part.split('"', 1)
        start = '><script type="application/json">'
        if rest.startswith(start):
            found[name] = json.loads(rest.removeprefix(start).split("</script>", 1)[0])
    return found


def series_of(chart, view=0):
    """What a view of a chart draws, by name."""
    return {series["name"]: series for series in chart["views"][view]["series"]}
