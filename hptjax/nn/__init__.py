"""Building blocks for a user's own Flax network that run on the kernels of hptjax.

On CPUs, inside the loop that trains a population, the gradients that XLA derives from its own
convolutions are about ten times slower than these, and slower still for small maps. So use
`nn.Conv` of this module instead of Flax's, or pass this function to Flax's Conv, linen or nnx:

    flax.linen.Conv(16, (3, 3), conv_general_dilated=hptjax.nn.conv_general_dilated)

Arrays are [B, H, W, C], as in Flax. Variables have the names of Flax's own modules.
"""

from hptjax.nn.conv import Conv, conv_general_dilated
from hptjax.nn.dropout import Dropout, dropout
from hptjax.nn.norm import BatchNorm
from hptjax.nn.pools import avg_pool, max_pool

__all__ = [
    "BatchNorm",
    "Conv",
    "Dropout",
    "avg_pool",
    "conv_general_dilated",
    "dropout",
    "max_pool",
]
