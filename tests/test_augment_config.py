"""`augment:` in configs and in Python: its grammar, its errors, and augmentations of one's own."""

import pickle
import sys

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hptjax
from hptjax.config.augment import (
    AUGMENTATIONS,
    augmentations,
    augmentations_tree,
    variants,
)
from hptjax.config.explain import validated
from hptjax.data.augmentations.compose import augmented
from hptjax.data.augmentations.crop import Crop
from hptjax.data.augmentations.flip import Flip
from hptjax.data.augmentations.original import Original
from hptjax.data.augmentations.rotate import Rotate
from hptjax.errors import ConfigError
from hptjax.study.config import StudyConfig
from hptjax.study.data_config import DataConfig
from hptjax.study.load import load_study
from hptjax.table import entry_rows


class Noise(hptjax.Augmentation):  # images [N, H, W, C] in 0..1
    std: float = 0.05

    def __call__(self, images, key):
        return images + self.std * jax.random.normal(key, images.shape)


@pytest.mark.parametrize(
    ("tree", "options", "shortest"),
    [
        (True, (Original(),), True),
        (False, (), False),
        ([], (), False),
        (["original"], (Original(),), True),
        (["flip", {"crop": 4}], (Flip(), Crop(padding=4)), ["flip", {"crop": 4}]),
        (({"name": "rotate", "degrees": 9},), (Rotate(degrees=9.0),), [{"rotate": 9.0}]),
        ([{"flip": {"p": 0.5}}], (Flip(),), ["flip"]),
        ([{"flip": 1}, Flip, Flip(p=0.0)], (Flip(p=1.0), Flip(), Flip(p=0.0)), None),
    ],
)
def test_every_spelling_is_the_same_augmentations(tree, options, shortest) -> None:
    parts = augmentations(tree)
    assert tuple(part.options for part in parts) == options
    again = augmentations_tree(parts)
    assert again == (shortest if shortest is not None else [{"flip": 1.0}, "flip", {"flip": 0.0}])
    assert augmentations(again) == parts
    assert hash(augmentations(again)) == hash(parts)
    config = DataConfig.model_validate({"augment": tree})
    assert config.model_dump(mode="json")["augment"] == again
    assert DataConfig.model_validate(config.model_dump(mode="json")) == config
    assert pickle.loads(pickle.dumps(config)) == config


PART = st.one_of(
    st.sampled_from(["original", "flip", "vertical_flip"]),
    st.builds(lambda p: {"flip": p}, st.floats(0, 1)),
    st.builds(lambda n: {"crop": n}, st.integers(1, 100)),
    st.builds(lambda n: {"cutout": {"size": n}}, st.integers(1, 100)),
    st.builds(lambda d: {"name": "rotate", "degrees": d}, st.floats(0.01, 180)),
    st.builds(lambda s: {"noise": s}, st.floats(0.01, 1)),
)


@given(st.lists(PART, max_size=5))
def test_what_is_written_reads_back_and_is_written_alike(tree) -> None:
    parts = augmentations(tree)
    again = augmentations_tree(parts)
    assert augmentations(again) == parts
    assert augmentations_tree(augmentations(again)) == again


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ("flip", r"augment: must be true, false or a list of augmentations, such as \[flip, "),
        (1, r"augment: must be true, false or a list"),
        ({"flip": 0.5}, r"augment: must be true, false or a list"),
        (["flip", "flp"], r"augment\.1: unknown augmentation 'flp'; did you mean 'flip'\?"),
        (["hflip"], r"augment\.0: unknown augmentation 'hflip'; hptjax calls it 'flip'"),
        (["rotate"], r"augment\.0\.degrees: must be given"),
        ([{"crop": 0}], r"augment\.0\.crop\.padding: must be greater than or equal to 1, got 0"),
        ([{"crop": 1.5}], r"augment\.0\.crop\.padding: must be a valid integer, got 1\.5"),
        ([{"flip": 1.5}], r"augment\.0\.flip\.p: must be less than or equal to 1, got 1\.5"),
        ([{"rotate": {"angle": 3}}], r"augment\.0\.rotate\.angle: unknown key"),
        ([["flip"]], r"augment\.0: must name one augmentation"),
        ([DataConfig()], r"augment\.0: DataConfig\(.* must be a class derived from"),
        ([{"flip": 0.1, "crop": 3}], r"augment\.0: must name one augmentation"),
        (
            ["os.path:join"],
            r"augment\.0: os\.path:join must be a class derived from .*Augmentation",
        ),
    ],
)
def test_a_mistake_is_named_by_its_path(tree, text) -> None:
    with pytest.raises(ConfigError, match=f"^data.{text}"):
        validated(DataConfig, {"augment": tree}, "data")
    with pytest.raises(ConfigError, match=f"^{text}"):
        augmentations(tree)


def test_a_study_takes_it_from_the_command_line_and_notes_it() -> None:
    study = load_study("quickstart", ["data.augment=[flip, {crop: 2}]"])
    assert study.to_dict()["data"]["augment"] == ["flip", {"crop": 2}]
    assert StudyConfig.from_dict(study.to_dict()) == study
    assert load_study("quickstart").to_dict()["data"]["augment"] is True
    with pytest.raises(ConfigError, match=r"data\.augment\.0: unknown augmentation 'flp'"):
        load_study("quickstart", ["data.augment=[flp]"])


def test_several_lists_are_variants_and_one_is_one() -> None:
    flip = (Flip(),)
    assert variants(True) == variants([True]) == ((Original(),),)
    assert variants(False) == variants([]) == variants([[]]) == ((),)
    assert variants(["flip"]) == variants([["flip"]]) == (flip,)
    assert variants([True, ["flip"], False]) == ((Original(),), flip, ())
    assert variants(variants([["flip"], []])) == variants([["flip"], []])
    assert variants(augmentations(["flip"])) == (flip,)
    with pytest.raises(ConfigError, match=r"augment\.1\.0: unknown augmentation 'flp'"):
        variants([["flip"], ["flp"]])


IMAGES = np.full((3, 4, 5, 1), 128, np.uint8)


def check_noise(parts) -> None:
    [found] = [part.options for part in parts]
    noise = augmented([found], IMAGES, jax.random.key(0)) - np.float32(128 / 255)
    assert (noise.dtype, noise.shape) == (np.float32, IMAGES.shape)
    assert 0.2 * found.std < noise.std() < 5 * found.std


def test_a_class_of_ones_own_in_python_and_by_its_place() -> None:
    word = f"{__name__}:Noise"
    check_noise(augmentations([Noise]))
    for tree in ([Noise(std=0.1)], [{word: {"std": 0.1}}], [{"name": word, "std": 0.1}]):
        parts = augmentations(tree)
        assert parts[0].options == Noise(std=0.1)
        assert augmentations_tree(parts) == [{word: {"std": 0.1}}]
        check_noise(parts)


PACKAGE = """
import jax
import hptjax

class Grain(hptjax.Augmentation):
    std: float = 0.05
    def __call__(self, images, key):
        return images + self.std * jax.random.normal(key, images.shape)
"""


def test_a_package_gives_its_class_a_word(tmp_path, monkeypatch) -> None:
    info = tmp_path / "grainy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: grainy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hptjax.augmentations]\ngrain = grainy_parts:Grain\n")
    (tmp_path / "grainy_parts.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    entry_rows.cache_clear()
    try:
        assert "grain" in AUGMENTATIONS.names()
        check_noise(augmentations(["grain"]))
        parts = augmentations([{"grain": {"std": 0.2}}])
        assert augmentations_tree(parts) == [{"grain": {"std": 0.2}}]
        check_noise(parts)
    finally:
        sys.modules.pop("grainy_parts", None)
        monkeypatch.undo()
        entry_rows.cache_clear()
