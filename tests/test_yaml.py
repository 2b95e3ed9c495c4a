"""YAML 1.2: each value has one reading, each mistake one line; what is written comes back."""

import math
import os

import pytest
import yaml as yaml_1_1
from hypothesis import given
from hypothesis import strategies as st

from hptjax.config.yaml_file import LARGEST, dump_yaml, parse_yaml, read_yaml
from hptjax.errors import ConfigError

WORDS = """
010 0o10 0x1F 08 1e3 1e-3 .5 5. no yes on off y n ~ null None true = : - << ? | > & * ! % @ ` #a
1_000 1:30 2024-13-01 .inf .nan NaN + [] {} 'a "a \\ a:b é 😀
"""
BLANKS = ("", " ", " a", "a ", "a: b", "a #b", "\n", "a\nb", "\t")
CONTROLS = ("\x1b[31m", "\x85", "\u2028", "\ufeff")
ODD = st.sampled_from((*WORDS.split(), *BLANKS, *CONTROLS))
TEXT = ODD | st.text(st.characters(exclude_categories=["Cs"]))
LEAF = TEXT | st.integers() | st.floats() | st.booleans() | st.none()
TREE = st.recursive(LEAF, lambda x: st.lists(x) | st.dictionaries(TEXT, x), max_leaves=12)


def same(a, b):
    """Equal and of equal types, NaN equal to itself, dicts in the same order."""
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        pairs = zip(a.items(), b.items(), strict=False)
        return len(a) == len(b) and all(same(x, y) for p, q in pairs for x, y in zip(p, q))  # noqa: B905
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(TREE)
def test_what_is_written_is_read_back_equal(tree):
    assert same(parse_yaml(dump_yaml(tree), "x.yaml"), tree)
    line = dump_yaml(tree, flow=True)
    assert "\n" not in line
    assert same(parse_yaml(line, "x.yaml"), tree)


@given(LEAF)
def test_readers_of_yaml_1_1_read_the_same(leaf):
    assert same(yaml_1_1.safe_load(dump_yaml([leaf])), [leaf])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0100", 100),
        ("010", 10),
        ("08", 8),
        ("-007", -7),
        ("0o10", 8),
        ("0x1F", 31),
        ("1e-3", 0.001),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("off", "off"),
        ("True", True),
        ("~", None),
        ("2024-13-45", "2024-13-45"),
        ("2024-01-01", "2024-01-01"),
        ("!!str 010", "010"),
        ("'010'", "010"),
        ("=", "="),
        ("{<<: {a: 1, b: 2}, a: 3}", {"a": 3, "b": 2}),
    ],
)
def test_each_value_has_the_reading_of_yaml_1_2(text, value):
    assert same(parse_yaml(text, "x.yaml"), value)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a: 1\nb: 2\na: 3", 3, "key 'a' is given twice"),
        ("a: 1\nb: {c: [1, 2}", 2, "expected ',' or ']'"),
        ("a: !!int x", 1, "a tag such as 'tag:yaml.org,2002:int' is not read"),
        ("a: !!python/object:os.system x", 1, "a tag"),
        ("a: &x [*x]", 1, "the alias *x stands in what it names"),
        ("a: *x", 1, "the alias *x names nothing"),
        ("\na: " + "9" * 5000, 2, "too many digits"),
        ("[" * 2000, 1, "more than 64 deep"),
        ("a: 1\n---\nb: 2", 2, "a second document"),
        ("%YAML 1.1\n---\na: 1", 2, "only YAML 1.2"),
        ("? [a]\n: 1", 1, "a key must be a single value"),
    ],
)
def test_mistakes_name_file_and_line(text, line, why):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "x.yaml")
    assert str(caught.value).startswith(f"x.yaml:{line}: ")
    assert why in str(caught.value)


def test_aliases_are_values_of_their_own_and_cannot_grow_without_bound():
    tree = parse_yaml("a: &x {b: 1}\nc: *x", "x.yaml")
    tree["a"]["b"] = 2
    assert tree["c"] == {"b": 1}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 12)
    )
    with pytest.raises(ConfigError, match="more than 1,000,000 values"):
        parse_yaml(bomb, "x.yaml")


def test_files_that_are_none_are_one_line(tmp_path):
    (tmp_path / "big.yaml").write_bytes(b"#" * (LARGEST + 1))
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: \xe4".encode("latin-1"))
    (tmp_path / "images.npz").write_bytes(b"PK\x03\x04\xff\xfe")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, why in {
        "big.yaml": "at most 4 MiB",
        "latin.yaml": "latin.yaml:2: must be text in UTF-8\\.$",
        "images.npz": "images.npz:1: must be text in UTF-8. A config is YAML. Images are given as",
        "pipe.yaml": "a device or a pipe",
        "/dev/zero": "a device or a pipe",
        "a\0b": "no file can have such a name",
        "x" * 5000: "cannot be read",
        "": "is a folder",
    }.items():
        with pytest.raises(ConfigError, match=why):
            read_yaml(tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "bom.yaml").write_bytes("\ufeffa: 1".encode())
    assert read_yaml(tmp_path / "bom.yaml") == {"a": 1}
