"""What `hptjax COMMAND --help` says before the options."""

RUN_HELP = """\
Searches the space of a study and writes everything to a run directory:

  config.yaml    the study with every default filled in
  journal.jsonl  all trials, one generation to a line: the truth
  trials.csv     one row per trial          epochs.csv  one row per trial and epoch
  tb/            TensorBoard, with HParams  best/       config and weights of the best network
  kept/          with keep_best: 5, the networks of the five best, and their ensemble
  environment.json  machine, devices and versions
  optuna.journal Optuna studies, mine/tpe of runs/mine: optuna-dashboard DIR/optuna.journal

Where "None" is a choice of an hparam, read the tables with
pandas.read_csv(file, keep_default_na=False, na_values=[""]): pandas alone takes it for no value.

Interrupted (Ctrl-C, kill, power), the same command goes on where it stopped and ends with the same
history.

examples:
  hptjax run quickstart
  hptjax run trial1 --searcher des tpe --epochs 2 --seed 1
  hptjax run trial1 --warm-start runs/quickstart-des-grid-random-tpe-seed0 --best 3
  hptjax run trial1 --set model.batch_size=128 --set data.train_limit=2000
  hptjax run trial1 --executor ray --address auto --resources '{GPU: 1}'
"""
TRAIN_HELP = """\
Trains one network at its exact shape and prints loss and accuracy after every epoch, then those on
the test set if the source has one. CONFIG is a model (`model: {layers: [...]}`, `model:
{flax: {...}}`, or the original study's `model: {...}`), or a study, of which the model is taken.
What is open in it gets its default, which is printed. CONFIG may be a run, or a saved network.

With --trial a network of a run is trained anew from its recorded random key: the same epochs as
recorded, bit for bit on the machine that recorded them, to the end of the study's epochs, or of
--epochs; the weights are those after the last one, whatever epoch the trial was judged by. A
learning rate that is scheduled runs over the study's epochs, or over --epochs where these are more.
With --continue it goes on from its weights, where the run keeps them; its optimizer begins with
fresh moments, for these are not kept, and so does a schedule.

Pictures of your own stand in a folder for each class (folder:PATH). An .npz file holds x_train,
y_train, and may hold x_val, y_val, x_test, y_test and class_names; or images, labels. Images:
[N, H, W, C] or [N, H, W], uint8 or floats from 0 to 1; labels: names or whole numbers.

examples:
  hptjax train model --data fashion_mnist --epochs 5 --out runs/model
  hptjax train model --data npz:mine.npz
  hptjax train runs/mine --trial tpe/41 --epochs 30 --out longer
  hptjax train runs/mine --continue --epochs 10 --out longer
"""
DESCRIBE_HELP = """\
Says what a study would do, without training: its space, the bodies that would be compiled,
parameters and FLOPs of its networks, what padding wastes, memory. For a model: its parameters and
FLOPs. Images are loaded where --data names them, and where the model does not say their size
itself, as a list of layers.
"""
CALIBRATE_HELP = """\
Measures this machine for about a minute: a few small networks are compiled and trained, a copy on
every core or many on an accelerator. Prints how far the seconds that hptjax says before a run are
right, and keeps the factors in a file of yours, which it names (HPTJAX_CALIBRATION=FILE: another;
0: none, neither written nor read). Later runs on such a device say better seconds.

It changes those texts and nothing else. Which networks share a program, and how many are trained
side by side, decides how sums are rounded: that follows from the package's own table, so that one
seed has one history whether or not a machine was calibrated.

Let nothing else run beside it.

examples:
  hptjax calibrate
  hptjax calibrate --dry-run
"""
DATA_HELP = """\
Reads images as a study would, and says what was read: how many of each class are for training,
validation and test, sizes, range of values, all that was done to them, and what may be wrong:
absent or rare classes, images that stand in two parts, images that are nearly black. It trains
nothing.

A folder has a folder of pictures (PNG, JPEG, BMP, ...) for each class, or train/, val/ and test/
that have them.

examples:
  hptjax data folder:digits --size 28 --channels 1 --show digits.png
  hptjax data npz:mine.npz --validation 500
  hptjax data folder:scans --validation "{fraction: 0.2, groups: 'patient(.+?)_'}"
"""

STATUS_HELP = """\
Says where each strategy of a run stands: trials by status, the best one, what is spent of the
budget, whether it is finished, and why a trial failed last. It only reads: a run that is under way
is not disturbed.

example:
  hptjax status runs/quickstart-des-grid-random-tpe-seed0
"""
WATCH_HELP = """\
Shows a run while another shell makes it: for each strategy its generation, the best value so far,
seconds that an epoch of the population takes, time left, then the trials that failed last. Ends
when the run is finished; Ctrl-C ends only the watching. It only reads.

examples:
  hptjax watch runs/quickstart-des-grid-random-tpe-seed0
  hptjax watch runs/mine --once
"""
REPORT_HELP = """\
Writes report.html, one page that needs no network and no other file: the best network, what it
reaches and how to use it, curves to be touched, every trial in a table that sorts and filters, what
hyperparameters mattered, what it cost, statistics and rank tests, configs, machine and versions.
Any number of runs stand side by side; those that differ in their seed alone are compared as one
group. Figures for print are files in figures/.

examples:
  hptjax report runs/mine --open
  hptjax report runs/seed0 runs/seed1 --out comparison --formats png pdf
"""
LIST_HELP = """\
Lists the names that may stand in a config: those of all tables; what each of one table is; or what
stands behind one name: a config's text, a searcher's options with their defaults. Names that other
packages bring are marked with the package.

examples:
  hptjax list
  hptjax list searchers
  hptjax list layers conv
  hptjax list searchers des
  hptjax list configs quickstart > mine.yaml
"""
EXPORT_HELP = """\
Writes a network of a run to a file: the best one, or with --trial any other. The ending says how:

  .safetensors  weights at their exact shape; config, class names and what is done to an image in
                the metadata. Every command that takes a run takes such a file.
  .onnx         the whole network for onnxruntime and others (extra [onnx]): bytes or, by --input,
                floats [N, H, W, C] in, logits and probabilities out.
  .pt           a state_dict for PyTorch (extra [torch]), and NAME_net.py beside it: the module as
                plain source, whose load() needs no hptjax.

With --ensemble an .onnx file gives the averaged probabilities of the run's kept networks.
Both of the latter hold a table of the arrays: Flax's path, PyTorch's name, how axes were turned.
Networks with layers of others, or of your own Flax class, are .safetensors alone.

Weights of a trial that the run did not keep are made again: the
recorded network is trained by the run's own program, with its recorded random key and for its
recorded epochs, on the images that the run used. That takes the time of compiling the program,
unless it is cached, and of training one network. On the same kind of device it becomes what it was;
elsewhere rounding differs, and training amplifies it. A validation loss that is far off gives a
warning. Of a candidate that was trained several times it is the first repetition.

examples:
  hptjax export runs/mine --to best.safetensors
  hptjax export runs/mine --to best.onnx
  hptjax export runs/mine --trial tpe/41 --to tpe-41.safetensors

In Python: hptjax.load_network("best.safetensors").predict(images)
"""
PREDICT_HELP = """\
Says which class a network sees in pictures: PNG, JPEG and what else Pillow reads; of a folder all
pictures in it. They are prepared as the training images were: other sizes are resized in
proportion, the centre cropped. A file that cannot be read is named, the others are done (exit
code 2).

examples:
  hptjax predict runs/mine photo.png
  hptjax predict best.safetensors photos/ --top 3 --csv found.csv
"""
EVALUATE_HELP = """\
Prints what the task of a network measures, as loss and accuracy, on images that are not augmented:
of the best network of a run, of one that `hptjax train --out` saved, or of an exported file. The
images are the test set of the source that it was trained on, or where there is none the validation
set, cut as it was then; --split says which.

examples:
  hptjax evaluate runs/mine
  hptjax evaluate best.safetensors --split validation
  hptjax evaluate best.safetensors --data npz:other.npz
  hptjax evaluate runs/mine --per-class
  hptjax evaluate runs/mine --ensemble
"""
