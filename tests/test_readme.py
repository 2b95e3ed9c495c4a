"""README.md: it is short, its program runs, and what it names is there."""

import re
import shlex
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import hptjax
from experiments import population_picture
from hptjax.cli.main import make_parser

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TEXT = README.read_text()
NOTES = (ROOT / "experiments" / "benchmarks" / "NOTES.md").read_text()


def test_it_takes_a_minute():
    lines = TEXT.splitlines()
    assert len(lines) <= 110
    prose = [line for line in lines if not line.startswith("|")]
    assert max(map(len, prose)) <= 132


@pytest.mark.slow
def test_the_program_runs():
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(README)
    (example,) = document.examples()
    example.evaluate()
    result = document.namespace["result"]
    assert (len(result.trials), result.stopped) == (8, "trial budget")


def test_commands_are_ones(capsys):
    rows = [line for line in TEXT.splitlines() if line.startswith("| `hptjax ")]
    typed = [words for row in rows for words in re.findall(r"`(hptjax [^`]+)`", row)]
    typed += re.findall(r"\.venv/bin/(hptjax [^\n]+)", TEXT)
    assert len(typed) >= 12
    parser = make_parser()
    for line in typed:
        assert parser.parse_args(shlex.split(line)[1:]).handler is not None
    for name in ("calibrate", "data", "describe", "evaluate", "export", "list", "predict"):
        assert any(line.startswith(f"hptjax {name}") for line in typed)


def test_links_lead_to_files():
    places = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert len(places) > 10
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_modules_are_there():
    for module in re.findall(r"`python -m ([\w.]+)", TEXT):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_figures_are_those_of_the_notes():
    """A figure that is measured anew is changed in both places."""
    section = TEXT.partition("## Figures")[2].partition("## ")[0]
    rows = re.findall(r"^\| (?:training|searching)[^|]*\| ([^|]+) \| ([^|]+) \|", section, re.M)
    figures = [number for row in rows for number in re.findall(r"\d+(?:\.\d+)?", " ".join(row))]
    assert len(figures) == 6
    assert [number for number in figures if number not in NOTES] == []


def test_the_picture_is_drawn(tmp_path, monkeypatch):
    """By a search of two networks; the one that is shown has the size that the script draws."""
    [option] = re.findall(r"`--out (docs/assets/[\w.]+)`", TEXT)
    shown = ROOT / option
    before = shown.read_bytes()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["picture"])
    sample = hptjax.load_images("sample")
    few = sample.take(np.arange(0, sample.size, 20))
    monkeypatch.setattr(population_picture, "IMAGES", few)
    monkeypatch.setattr(population_picture, "NETWORKS", 2)
    monkeypatch.setattr(population_picture, "EPOCHS", 2)
    population_picture.main()
    assert size(tmp_path / "population.png") == size(shown)
    assert shown.read_bytes() == before


def size(path):
    """Width and height of a PNG file."""
    return struct.unpack(">II", path.read_bytes()[16:24])
