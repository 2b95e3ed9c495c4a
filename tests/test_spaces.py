"""The packaged spaces that people know, and the scripts that make their images."""

import numpy as np
import pytest

from experiments import make_shapes_npz
from experiments.spaces.__main__ import table
from experiments.spaces.table import SPACES
from hptjax.data import load_images
from hptjax.study import load_study

NAMES = {
    "optuna_mlp": "hidden.depth hidden.0.out_features hidden.1.out_features hidden.2.out_features "
    "hidden.0.dropout hidden.1.dropout hidden.2.dropout optimizer lr",
    "keras_cnn": "conv0.out_channels conv0.kernel_size linear0.out_features linear0.dropout lr",
    "pd1_cnn": "optimizer.one_minus_momentum lr lr_schedule.power lr_schedule.decay_steps_factor",
    "resnet_cifar": "stem.out_channels stage1.depth task.label_smoothing lr weight_decay",
    "mnist_5k": "body.depth body.0.conv0.out_channels body.1.conv0.out_channels "
    "body.2.conv0.out_channels linear0.out_features linear0.dropout lr",
    "own_flax": "flax.width flax.blocks flax.call.dropout optimizer lr",
}


@pytest.mark.parametrize("name", SPACES)
def test_a_packaged_space_has_the_names_that_the_documents_give(name):
    study = load_study(name)
    assert list(study.space.names) == NAMES[name].split()
    assert study.labels == ("tpe",)
    assert study.metric == "val_accuracy"


def test_drawn_shapes_are_a_source_of_ten_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(make_shapes_npz, "COUNTS", {"train": 40, "test": 20})
    make_shapes_npz.main(tmp_path / "shapes.npz")
    images = load_images(f"npz:{tmp_path / 'shapes.npz'}")
    assert images.image_shape == (32, 32, 3)
    assert np.bincount(images.labels).tolist() == [4] * 10
    assert images.class_names[0] == "disc"


def test_the_table_gives_medians_and_ratios_round_by_round():
    def run(search, compiling):
        own = {"whole_s": search + 1, "search_s": search, "compile_s": compiling}
        return {**own, "best": 0.5, "test": None}

    ours, torch = [run(4, 2), run(8, 2), run(6, 2)], [run(8, 0), run(12, 0), run(6, 0)]
    *_, low, high, ratio = table({"hptjax": ours, "torch processes": torch}).splitlines()
    assert low == "| hptjax | 7.0 | 6.0 | 2.0 | 4.0 | 0.5000 | - |"
    assert high == "| torch processes | 9.0 | 8.0 | 0.0 | 8.0 | 0.5000 | - |"
    assert ratio == "| torch processes / hptjax | 1.44 | 1.50 |  | 2.00 |  |  |"
