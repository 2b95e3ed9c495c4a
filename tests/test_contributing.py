"""Files for people who join: what they name is there, and versions that stand twice agree."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

import hptjax
from hptjax.config.parts import AUGMENTATIONS, LAYERS, LR_SCHEDULES, OPTIMIZERS, TASKS
from hptjax.table import Table
from tests.test_additions import PARTS

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
INSTALLATION = (ROOT / "docs" / "installation.md").read_text()


def words_of(text):
    return [word.strip("'\",") for line in text.splitlines() for word in shlex.split(line, True)]


def extras_in(text):
    found = re.findall(r"\.\[([\w,]+)\]", text)
    return {extra for several in found for extra in several.split(",")}


def test_paths_of_the_guide_are_there():
    quoted = re.findall(r"`([\w./-]+)`", GUIDE)
    places = [f"hptjax/{name}" if (ROOT / "hptjax" / name).exists() else name for name in quoted]
    paths = [place for place in places if "/" in place or place.endswith((".md", ".py"))]
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_folders_of_the_guide_are_all_folders():
    table = GUIDE.partition("| folder of")[2].partition("\n\n")[0]
    named = {word.removesuffix("/") for word in re.findall(r"`([\w/.]+)`", table)}
    folders = {path.parent.name for path in (ROOT / "hptjax").glob("*/__init__.py")}
    assert folders <= named


def test_commands_of_the_guide_are_there():
    commands = re.findall(r"```bash\n(.*?)```", GUIDE, re.S)
    commands += [code for code in re.findall(r"`([^`\n]+)`", GUIDE) if " " in code]
    modules = re.findall(r"python -m (experiments[\w.]*)", "\n".join(commands))
    assert modules
    for module in modules:
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    assert extras_in(GUIDE) <= EXTRAS.keys()
    assert any("bash .ci/run" in command for command in commands)
    markers = {
        line.partition(":")[0] for line in PROJECT["tool"]["pytest"]["ini_options"]["markers"]
    }
    assert set(re.findall(r"-m 'not (\w+)'", GUIDE)) <= markers


def test_tables_of_the_guide_are_all_tables():
    table = GUIDE.partition("| table |")[2].partition("\n\n")[0]
    named = {
        word for row in table.splitlines() for word in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    seams = re.compile(r"Table(?:\[[^=]*\])?\(\s*\"(\w+)\"")
    texts = [path.read_text() for path in (ROOT / "hptjax").rglob("*.py")]
    assert named == {seam for text in texts for seam in seams.findall(text)}


def test_parts_of_the_guide_are_those_that_are_trained():
    blocks = [block.strip() for block in re.findall(r"```python\n(.*?)```", GUIDE, re.S)]
    assert blocks == [code.strip() for code in PARTS.values()]
    space: dict = {}
    for block in blocks:
        exec(compile(block, "CONTRIBUTING.md", "exec"), space)
    kinds: dict[str, Table] = {
        "Lion": OPTIMIZERS,
        "Trapezoid": LR_SCHEDULES,
        "Grain": AUGMENTATIONS,
        "Focal": TASKS,
        "LayerScale": LAYERS,
    }
    for name, table in kinds.items():
        table.check(space[name], name)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_there_is(path):
    tree = yaml.safe_load(path.read_text())
    assert set(tree) >= {"name", True, "jobs", "permissions"}  # YAML's `on` is true
    for job in tree["jobs"].values():
        assert job["timeout-minutes"] > 0
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert extras_in(step.get("run", "")) <= EXTRAS.keys()
            for word in words_of(step.get("run", "")):
                assert not word.startswith(".ci/") or (ROOT / word).is_file()


def test_pythons_of_the_workflows_are_those_of_the_package():
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    said = [line for line in PROJECT["project"]["classifiers"] if "Python :: 3." in line]
    known = {line.rpartition(" ")[2] for line in said}
    assert set(re.findall(r"\b3\.\d+\b", text)) <= known
    assert min(known) == PROJECT["project"]["requires-python"].removeprefix(">=")


def test_hooks_have_the_requirements_of_the_extra_dev():
    needed = {need for hook in HOOKS for need in hook.get("additional_dependencies", ())}
    assert {need for need in needed if not need.startswith("clang-format")} <= set(EXTRAS["dev"])
    assert {hook["id"] for hook in HOOKS} == {"ruff", "ruff-format", "pyright", "clang-format"}


def test_types_are_checked_in_tests_and_experiments_too():
    settings = PROJECT["tool"]["pyright"]
    assert set(settings["include"]) == {"hptjax", "experiments", "tests", "docs"}
    roots = [environment["root"] for environment in settings["executionEnvironments"]]
    assert [place for place in (*roots, *settings["ignore"]) if not (ROOT / place).is_dir()] == []


def test_the_formatters_hook_has_files():
    pattern = re.compile(next(hook for hook in HOOKS if hook["id"] == "clang-format")["files"])
    names = (str(path.relative_to(ROOT)) for path in ROOT.glob("*/**/*.*[hu]"))
    assert sum(bool(pattern.search(name)) for name in names) == 3
    assert yaml.safe_load((ROOT / ".clang-format").read_text())["BasedOnStyle"] == "Google"


def test_the_citation_is_of_this_version():
    tree = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = PROJECT["project"]
    assert tree["version"] == project["version"] == hptjax.__version__
    assert (tree["title"], tree["license"]) == (project["name"], project["license"])
    assert [one["name"] for one in tree["authors"]] == [one["name"] for one in project["authors"]]
    assert tree["keywords"] == project["keywords"]


def test_forms_ask_something():
    forms = [yaml.safe_load(path.read_text()) for path in FORMS if path.stem != "config"]
    assert len(forms) == 2
    for form in forms:
        assert {"name", "description", "body"} <= form.keys()
        ids = [part["id"] for part in form["body"]]
        assert len(set(ids)) == len(ids)
    lines = (ROOT / ".github" / "pull_request_template.md").read_text().splitlines()
    assert len(lines) == 5


def test_every_extra_is_explained():
    rows = re.findall(r"^\| `(\w+)` \|", INSTALLATION, re.M)
    assert sorted(rows) == sorted(EXTRAS)
    assert extras_in(INSTALLATION) <= EXTRAS.keys()
