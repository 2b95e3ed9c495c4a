"""Every term of the project, with its one meaning.

params      network weights (Flax)
hparams     one candidate's tuned values, `{"lr": 0.01, ...}`
space       the hparams that are tuned, each with its range or its choices
entry       one line of a space: the range or the choices of one hparam
inactive    said of an hparam whose condition is not met, as an option of an optimizer that is not
            chosen; a trial has no value of it
condition   the values that another hparam must have for an hparam to be active
proposal    a point in the unit cube, and its hparams, that a searcher asks to be tried
repair      to make the numbers of a proposed network agree with each other and with the images:
            sizes, channels, paddings, outputs
candidate   the network that a proposal has become after repair
member      a candidate with its random key, in a population
population  the networks that are trained together in one call
trial       the record of a candidate
judged      said of the epoch, the last or the best, that gives a trial its value and its weights
mark        to keep a copy of a member's weights because the present epoch is its best so far
duplicate   a trial whose network its strategy has tried before
generation  the trials that a searcher asked for together
metric      the number by which trials are ranked, such as val_loss: a measure of one set of images
measure     a number that a task computes from predictions and labels, such as accuracy
fitness     the number that a searcher is told about a trial: lower is better, NaN is worst
ensemble    several trained networks whose predictions are averaged
static      said of an hparam whose every value needs a program of its own, such as a stride
padded      said of an hparam that is a number of channels or units: networks that differ in it
            share a program, in which the narrow ones are filled up with zeros
traced      said of an hparam that is an argument of the program, such as a learning rate:
            networks that differ in it share a program at no cost
signature   what shapes the program of a network: strides, kernels, paddings, batch size, pool,
            precision
widths      the numbers of channels and units of a network
net shape   a signature and widths: together they give the shape of every array of a network
body        a net shape that is compiled; its members are padded to its widths
tier        one of the widths that the bodies of one signature have
row         a place for one member in the packed population
lane        a row that vmap computes, whether a member is in it or not
block       a group of layers with a shortcut around it: a residual block
label       the name of a layer in a list of layers, such as `conv0`; its hparams begin with it.
            In data, the class of an image
recipe      how a network is trained: optimizer, schedule, warm-up, task, augmentations
precision   how a training step keeps maps between its operations: float32 or bfloat16
part        a thing that is named in a table and takes options, such as an optimizer
kind        a part without its traced numbers: parts of one kind share a program
choices     the kinds of parts that a program holds; each member has one of them
slot        a number that an optimizer keeps for each weight
horizon     the number of epochs of a full training; learning rates are scheduled over it
variant     one of several lists of augmentations, of which each member has one
study       the search over a space, with its strategies, budgets and records; its random key
            is `study_key`
searcher    the thing that proposes, such as tpe
strategy    a searcher with its options and a name, as a study lists it; a study may compare
            several
executor    the thing that trains members
schedule    the rule that decides which trials of a generation are trained on
sink        an observer of a study: it gets every generation and record
problem     a base network, a space and an image size, with each hparam bound to its place

Axes: P members, B batch, H W C image, K classes, D search dimensions, G generations.
"""

from collections.abc import Mapping
from typing import TypeAlias

Hparams: TypeAlias = Mapping[str, bool | int | float | str]
