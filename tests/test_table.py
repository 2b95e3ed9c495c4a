"""The table of names and the grammar of parts: rows, families, imports, entry points, forms."""

import pickle
import subprocess
import sys
from types import ModuleType
from typing import Annotated, ClassVar

import pytest
from pydantic import BeforeValidator, Field

from hptjax import importing
from hptjax.config.frozen import Frozen, as_tuple
from hptjax.config.named import Part, part
from hptjax.errors import ConfigError
from hptjax.table import Table, TableRow


class Shape(Frozen):
    pass


class Circle(Shape):
    main: ClassVar[str] = "radius"
    radius: Annotated[float, Field(gt=0)] = 1.0
    filled: bool = False


class Path2d(Shape):
    main: ClassVar[str] = "points"
    points: Annotated[tuple[int, ...] | dict[str, int], BeforeValidator(as_tuple)] = (0,)


class Dot(Shape):
    pass


def polygon(sides: str) -> type[Shape]:
    if not sides.isdigit():
        raise ConfigError(f"a polygon has a number of sides, got {sides!r}.")
    return type(f"Polygon{sides}", (Shape,), {"__module__": __name__})


def members() -> list[str]:
    return ["3", "4"]


HERE = __name__
ROWS = {
    "circle": f"{HERE}:Circle",
    "path": f"{HERE}:Path2d",
    "dot": f"{HERE}:Dot",
    "polygon.<sides>": f"{HERE}:polygon",
    "absent": "no_such_module:Thing",
}


@pytest.fixture
def shapes() -> Table[type[Shape]]:
    return Table("shapes", "shape", ROWS, base=f"{HERE}:Shape")


def test_a_row_is_imported_when_it_is_asked_for(shapes, package):
    package("lib", "", {"lazy_shape": "from tests.test_table import Dot as Lazy\n"})
    table = Table("shapes", "shape", {"lazy": "lazy_shape:Lazy", "dot": f"{HERE}:Dot"})
    assert table.find("dot", "shape") is Dot
    assert "lazy" in table
    assert table.names() == ("lazy", "dot")
    assert "lazy_shape" not in sys.modules
    assert table.find("lazy", "shape") is Dot
    assert "lazy_shape" in sys.modules


def test_a_row_without_an_attribute_is_its_module():
    assert Table("shapes", "shape", {"self": HERE}).find("self", "shape") is sys.modules[HERE]


def test_a_family_is_given_what_stands_for_its_name(shapes):
    assert shapes.find("polygon.6", "shape").__name__ == "Polygon6"
    with pytest.raises(ConfigError, match=r"^draw: a polygon has a number of sides, got 'six'\.$"):
        shapes.find("polygon.six", "draw")
    with pytest.raises(ConfigError, match=r"unknown shape 'polygon\.'"):
        shapes.find("polygon.", "draw")


def test_the_members_of_a_family_are_what_its_module_says(shapes):
    assert shapes.members("polygon.<sides>") == ("polygon.3", "polygon.4")


def test_a_family_may_take_a_word_with_a_colon():
    table = Table("shapes", "shape", {"of:<sides>": f"{HERE}:polygon"})
    assert table.find("of:3", "shape").__name__ == "Polygon3"
    assert "of:" not in table


def test_a_word_with_a_colon_is_imported(shapes):
    assert shapes.find(f"{HERE}:Circle", "shape") is Circle
    assert f"{HERE}:Circle" in shapes
    assert "no.such_module:Circle" not in shapes


def test_a_module_beside_the_users_file_is_found(shapes, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "_FOLDERS", [])
    monkeypatch.setattr(sys, "path", [*sys.path])
    for folder, points in (("old", 3), ("new", 4)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "beside_it.py").write_text(STAR.replace("5", str(points)))
    assert "beside_it:Star" not in shapes
    for folder in ("old", "new", "no_such"):
        importing.import_from([tmp_path / folder])
    before = [*sys.path]
    assert f"{HERE}:Dot" in shapes
    assert sys.path == before  # only what is asked for is put there
    assert "beside_it:Star" in shapes
    assert shapes.find("beside_it:Star", "shape")().points == 4
    assert sys.path == [*before, str(tmp_path / "new")]
    del sys.modules["beside_it"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("cirle", r"^draw\.shape: unknown shape 'cirle'; did you mean 'circle'\?$"),
        ("xyz", r"^draw\.shape: unknown shape 'xyz'; known are .*polygon\.<sides>"),
        ("no_such.mod:A", r"^draw\.shape: unknown shape .*; there is no module 'no_such\.mod' to"),
        (f"{HERE}:Cirle", rf"^draw\.shape: {HERE} has no 'Cirle'; did you mean 'Circle'\?$"),
        (f"{HERE}:Circle.main_", rf"^draw\.shape: {HERE} has no 'Circle\.main_'; "),
        (f"{HERE}:polygon", rf"^draw\.shape: {HERE}:polygon must be a class derived from .*Shape"),
        ("pathlib:Path", r"^draw\.shape: pathlib:Path must be a class derived from .*\.Shape, it"),
        (3, r"^draw\.shape: must be the name of a part, got 3\.$"),
        (None, r"^draw\.shape: must be the name of a part, got None\.$"),
        ("my.Mine", r"^draw\.shape: unknown shape .*; write 'my:Mine' for a part of your own\.$"),
        ("", r"^draw\.shape: unknown shape ''"),
    ],
)
def test_an_unusable_word_is_said_with_its_path(shapes, word, said):
    with pytest.raises(ConfigError, match=said):
        shapes.find(word, "draw.shape")


def test_a_missing_library_of_an_own_row_is_no_mistake_of_the_users(shapes):
    with pytest.raises(ModuleNotFoundError):
        shapes.find("absent", "shape")


def test_a_missing_library_of_anothers_module_is_told_as_it_is(shapes, package):
    package("lib", "", {"needy_shape": "import a_library_that_is_not_there\n"})
    with pytest.raises(ModuleNotFoundError, match="a_library_that_is_not_there"):
        shapes.find("needy_shape:Star", "shape")


STAR = "from tests.test_table import Shape\nclass Star(Shape):\n    points: int = 5\n"


def test_another_package_adds_a_row_and_a_family(shapes, package):
    points = "[hptjax.shapes]\nstar = stars : Star\nstars.<n> = stars:star\n[other.x]\na = b:c\n"
    package("astro", points, {"stars": STAR + "def star(n):\n    return {'five': Star}[n]\n"})
    assert shapes.names()[-2:] == ("star", "stars.<n>")
    assert shapes.rows()[-2] == TableRow("star", "stars:Star", "astro")
    assert "stars" not in sys.modules
    assert part(shapes, {"star": {"points": 7}}, "shape").options.points == 7
    assert shapes.find("stars.five", "shape") is shapes.find("star", "shape")


def test_two_packages_of_one_word_are_both_named(shapes, package):
    package("astro", "[hptjax.shapes]\nstar = stars:Star\n", {"stars": STAR})
    package("geometry", "[hptjax.shapes]\nstar = geo:Star\ndot = geo:Dot\n", {"geo": STAR})
    with pytest.raises(ConfigError, match=r"^s: 'star' is a word of geometry and astro; uninstall"):
        shapes.find("star", "s")
    with pytest.raises(ConfigError, match=r"^s: 'dot' is a word of hptjax and geometry;"):
        shapes.find("dot", "s")
    assert shapes.find("stars:Star", "s").__name__ == "Star"
    assert shapes.names().count("star") == 1


def test_an_entry_point_of_nothing_is_the_users_to_mend(shapes, package):
    package("astro", "[hptjax.shapes]\nstar = stars:Stra\nmoon = moons:Moon\n", {"stars": STAR})
    with pytest.raises(ConfigError, match=r"^s: stars has no 'Stra'; did you mean 'Star'\?"):
        shapes.find("star", "s")
    with pytest.raises(ConfigError, match=r"^s: unknown shape 'moon'; there is no module 'moons'"):
        shapes.find("moon", "s")


FORMS = [  # what is read, and what is written back
    ("circle", "circle"),
    ({"circle": None}, "circle"),
    ({"circle": {}}, "circle"),
    ({"name": "circle"}, "circle"),
    ({"circle": 1.0}, "circle"),
    ({"circle": 2.0}, {"circle": 2.0}),
    ({"circle": {"radius": 2.0}}, {"circle": 2.0}),
    ({"name": "circle", "radius": 2.0}, {"circle": 2.0}),
    ({"circle": {"filled": True}}, {"circle": {"filled": True}}),
    (
        {"name": "circle", "filled": True, "radius": 2.0},
        {"circle": {"radius": 2.0, "filled": True}},
    ),
    ({"path": [1, 2]}, {"path": [1, 2]}),
    ({"path": {"points": {"x": 1}}}, {"path": {"points": {"x": 1}}}),
    ("dot", "dot"),
    ({f"{HERE}:Circle": 2.0}, {f"{HERE}:Circle": 2.0}),
]


@pytest.mark.parametrize(("tree", "written"), FORMS)
def test_a_part_is_read_from_each_form_and_written_in_the_shortest(shapes, tree, written):
    read = part(shapes, tree, "shape")
    assert read.to_tree() == written
    assert part(shapes, written, "shape") == read
    assert part(shapes, read, "shape") is read


def test_equal_parts_are_one_key_of_a_cache(shapes):
    equal = part(shapes, {"circle": 2}, "a"), part(shapes, {"circle": {"radius": 2.0}}, "b")
    assert len(set(equal)) == 1


def test_a_class_and_an_instance_stand_for_themselves(shapes):
    assert part(shapes, Circle, "shape") == part(shapes, "circle", "shape")
    assert part(shapes, Circle(radius=2.0), "shape").to_tree() == {"circle": 2.0}
    assert part(Table("shapes", "shape", {}), Dot, "shape").to_tree() == f"{HERE}:Dot"


def test_another_class_or_instance_is_refused(shapes):
    for tree in (Frozen(), Frozen):
        with pytest.raises(ConfigError, match=r"^shape: .*Frozen.* must be a class derived from"):
            part(shapes, tree, "shape")


def test_the_narrower_family_goes_first():
    table = Table("shapes", "shape", {"of.<s>": f"{HERE}:Dot", "of.p.<s>": f"{HERE}:polygon"})
    assert table.find("of.p.5", "shape").__name__ == "Polygon5"


def test_a_part_may_have_its_options_beside_it():
    module = ModuleType("a_searcher")
    module.Options = Circle  # type: ignore[attr-defined]
    sys.modules["a_searcher"] = module
    try:
        read = part(Table("searchers", "searcher", {"s": "a_searcher"}), {"s": 3.0}, "searcher")
    finally:
        del sys.modules["a_searcher"]
    assert read == Part(name="s", options=Circle(radius=3.0))


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (3, r"^shape: must name one shape, as in \{NAME: \{OPTION: VALUE\}\}, got 3\.$"),
        ({}, r"^shape: must name one shape, .*, got \{\}\.$"),
        ({"name": 3}, r"^shape: must name one shape, .*, got \{'name': 3\}\.$"),
        ({"circle": 1.0, "filled": True}, r"^shape: must name one shape, .*'filled': True\}\.$"),
        ({"cirle": 1.0}, r"^shape: unknown shape 'cirle'; did you mean 'circle'"),
        ({"circle": -1.0}, r"^shape\.circle\.radius: must be greater than 0, got -1\.0\.$"),
        (
            {"circle": {"raduis": 1.0}},
            r"^shape\.circle\.raduis: unknown key; did you mean",
        ),
        ({"name": "circle", "filled": 1}, r"^shape\.filled: must be a valid boolean, got 1\.$"),
        ({"dot": 3}, r"^shape\.dot: must be a mapping of options, got 3; it takes none\.$"),
    ],
)
def test_a_mistake_in_a_part_is_said_with_its_path(shapes, tree, said):
    with pytest.raises(ConfigError, match=said):
        part(shapes, tree, "shape")


def test_a_part_travels_to_another_process():
    read = Part[Circle](name="circle", options=Circle(radius=2.0))
    assert pickle.loads(pickle.dumps(read)) == read


def test_nothing_of_a_tree_is_changed(shapes):
    tree = {"name": "circle", "radius": 2.0}
    part(shapes, tree, "shape")
    assert tree == {"name": "circle", "radius": 2.0}


def test_the_table_is_light():
    code = "import sys, hptjax.table; print('jax' in sys.modules, 'pydantic' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
