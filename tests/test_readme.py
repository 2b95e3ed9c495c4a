"""README.md: its programs run as they stand, and its study is one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from hptjax.study import load_study

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PROGRAMS = [PythonCodeBlockParser()]


@pytest.mark.slow
def test_the_programs_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    document = Sybil(parsers=PROGRAMS).parse(README)
    results = []
    for example in document.examples():
        document.namespace.clear()
        example.evaluate()
        results.append(dict(document.namespace))
    assert len(results) == README.read_text().count("```python\n") >= 2
    accuracy = results[0]["metrics"]["val_accuracy"]
    assert accuracy.shape == (2, 4)
    assert ((accuracy > 0.1) & (accuracy <= 1)).all()
    losses = np.asarray(results[1]["losses"])
    assert losses.shape == (3, 29)
    assert np.isfinite(losses.min(1)).all()


def test_the_study_is_one(tmp_path):
    found = []
    parser = CodeBlockParser(
        language="yaml", evaluator=lambda example: found.append(example.parsed)
    )
    for example in Sybil(parsers=[parser]).parse(README).examples():
        example.evaluate()
    (text,) = found
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    path = tmp_path / "configs" / "own.yaml"
    path.write_text(str(text))
    study = load_study(path)
    assert study.population_size == 29
    assert len(study.strategies) == 4
