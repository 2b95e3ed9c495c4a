"""An independent walk through a network's sizes, and configs that tests of repair start from."""

from pathlib import Path

from hptjax.config.geometry import ImageSpec
from hptjax.config.load import load_model_config, load_space
from hptjax.config.schema import ModelConfig

CONFIGS = Path(__file__).parents[1] / "configs"
MODEL = load_model_config(CONFIGS / "model.yaml")
BIG = load_model_config(CONFIGS / "big_model.yaml")
TRIAL1 = load_space(CONFIGS / "space_trial1.yaml")
GREY = ImageSpec(28, 28, 1, 10)


def walk(config: ModelConfig, image: ImageSpec) -> None:
    """Asserts that a network is consistent by counting the positions of every sliding window."""
    net = config.resnet_config

    def convolve(n, kernel, stride, padding):
        before, after = (padding, padding)
        if padding == "same":
            before, after = (kernel - 1) // 2, kernel // 2
        return len(range(-before, n + after - kernel + 1, stride))

    assert net.first_conv.in_channels == image.channels
    assert (config.init_length, config.init_width) == (image.height, image.width)
    channels, first, pixels = net.first_conv.out_channels, net.first_conv, 1
    for n in (image.height, image.width):
        n = convolve(n, first.kernel_size, first.stride, first.padding)
        for block in net.block_list:
            main = convolve(n, block.kernel_size, block.stride, block.padding)
            main = convolve(main, block.kernel_size, 1, block.padding)
            assert main == convolve(n, 1, block.stride, 0) >= 1  # the shortcut
            n = main
        pooled = len(range(0, n - net.pool_size + 1, net.pool_size))
        assert pooled >= 1
        pixels *= pooled
    for block in net.block_list:
        assert block.in_channels == channels
        channels = block.out_channels
    inputs = channels * pixels
    for layer in config.mlp_config.block_list:
        assert layer.in_size == inputs
        inputs = layer.out_size
    assert inputs == image.classes
