"""Batch norm as in PyTorch, on our kernels."""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from hptjax.nn.layout import images, maps
from hptjax.ops.norm import normalise, normalise_by, running, unbiased


class BatchNorm(nn.Module):
    """Batch norm over all axes but the last; variables have the names of Flax's BatchNorm.

    The running variance is unbiased, and a batch's share of the running statistics is 0.1, as in
    PyTorch (Flax: 0.01, biased).
    """

    use_running_average: bool | None = None

    @nn.compact
    def __call__(self, x: Array, use_running_average: bool | None = None) -> Array:
        given = "use_running_average", self.use_running_average, use_running_average
        size, last = x.shape[-1], x.ndim - 1
        scale = self.param("scale", nn.initializers.ones, (size,))
        bias = self.param("bias", nn.initializers.zeros, (size,))
        mean = self.variable("batch_stats", "mean", jnp.zeros, (size,))
        var = self.variable("batch_stats", "var", jnp.ones, (size,))
        if nn.merge_param(*given):
            return normalise_by(x, mean.value, var.value, scale, bias, last)
        if x.ndim == 4:
            y, new_mean, new_var = normalise(maps(x), scale, bias, 0)
            y = images(y)
        else:
            y, new_mean, new_var = normalise(x, scale, bias, last)
        if not self.is_initializing():
            mean.value = running(mean.value, new_mean)
            var.value = running(var.value, unbiased(new_var, x.size // size))
        return y
