"""Every word of the project, with its one meaning.

params      network weights (Flax)
hparams     one candidate's tuned values, `{"lr": 0.01, ...}`
inactive    of an hparam: what it hangs on is not chosen, as the part whose option it is; a trial
            has no value of it
condition   what an hparam needs of another one to be active
proposal    what a searcher asks to try: a point in the unit cube and its hparams
candidate   the network that repair made of a proposal
member      a candidate with its random key, in a population
trial       the record of a candidate
judged      of an epoch: the one whose value, and weights, a trial is worth, the last or the best
mark        to note a member's weights as those of its best epoch so far
duplicate   a trial of a network that its strategy has tried before
generation  the trials that were asked for together
fitness     what a searcher is told of a trial: lower is better, NaN is worst
signature   what of a network shapes its program: strides, kernels, paddings, batch size, pool
widths      its channels and units
net shape   what of a network its arrays follow from: a signature, and widths
body        a net shape that is compiled: members are padded to its widths
tier        one of the widths that bodies of one signature have
row         a place in the packed population
lane        a row that is computed by vmap, used or not
block       a residual block, nothing else
recipe      how a network is trained: optimizer, schedule, warm-up, task, augmentations
part        what is named in a table and given options, as an optimizer
kind        a part with its traced numbers at their defaults: it decides the program
choices     what the members of a program may have; it holds nothing else
slot        what an optimizer keeps of each weight
horizon     the epochs of a network that is trained to the end; rates are scheduled over them
measure     what of a task is measured; a metric is one of the training or validation images
variant     one of the lists of augmentations that members may have, where there are several
study       the search over a space, with its strategies, budgets and records; its random key is
            `study_key`
searcher    what proposes (the `strategies` of a study name searchers)
executor    what trains members
schedule    what decides who of a generation goes on
sink        what watches a study
problem     a base network, a space and an image size, with names bound to places

Axes: P members, B batch, H W C image, K classes, D search dimensions, G generations.
"""

from collections.abc import Mapping
from typing import TypeAlias

Hparams: TypeAlias = Mapping[str, bool | int | float | str]
