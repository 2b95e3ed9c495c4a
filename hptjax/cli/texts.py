"""The texts of `hptjax COMMAND --help` before the options."""

RUN_HELP = """\
Searches the space of a study and writes everything to a run directory:

  config.yaml    the study with all defaults
  journal.jsonl  all trials, one generation in a line: the source of truth
  trials.csv     one row per trial          epochs.csv  one row per trial and epoch
  tb/            TensorBoard, with HParams  best/       config and weights of the best network
  kept/          with keep_best: 5, the five best networks, and their ensemble
  environment.json  machine, devices and versions
  optuna.journal Optuna studies, mine/tpe of runs/mine: optuna-dashboard DIR/optuna.journal

If "None" is a choice of an hparam, read the tables with
pandas.read_csv(file, keep_default_na=False, na_values=[""]): by default pandas takes it for a
missing value.

After an interruption (Ctrl-C, kill, power cut), the same command resumes the run, which ends with
the same history. If no network was trained to the end, it ends with exit code 3.

examples:
  hptjax run quickstart
  hptjax run trial1 --searcher des tpe --epochs 2 --seed 1
  hptjax run trial1 --warm-start runs/quickstart-des-grid-random-tpe-seed0 --best 3
  hptjax run trial1 --set model.batch_size=128 --set data.train_limit=2000
  hptjax run trial1 --executor ray --address auto --resources '{GPU: 1}'
"""
TRAIN_HELP = """\
Trains one network at its exact shape. Prints loss and accuracy after every epoch, and at the end
those on the test set, if the source has one. Only --out saves the weights. CONFIG is a model
(`model: {layers: [...]}`, `model: {flax: {...}}`, or the original study's `model: {...}`), or a
study, whose model is used; entries of a space in it are replaced by their defaults, which are
printed. CONFIG may also be a run, or a saved network.

With --trial a network of a run is trained again from its recorded random key. The epochs equal the
recorded ones, bit for bit on the machine that recorded them. It is trained for the study's epochs,
or for --epochs, and saved after the last one, whichever epoch the trial was judged by. A scheduled
learning rate runs over the study's epochs, or over --epochs if these are more.
With --continue the weights that the run kept are trained further. The state of the optimizer is not
kept: its moments, and a schedule of the learning rate, start again.

Your own pictures lie in one folder per class (folder:PATH). An .npz file holds x_train and y_train,
and may hold x_val, y_val, x_test, y_test and class_names; or it holds images and labels. Images:
[N, H, W, C] or [N, H, W], uint8 or floats from 0 to 1; labels: names or whole numbers.

examples:
  hptjax train model --data fashion_mnist --epochs 5 --out runs/model
  hptjax train model --data npz:mine.npz
  hptjax train runs/mine --trial tpe/41 --epochs 30 --out longer
  hptjax train runs/mine --continue --epochs 10 --out longer
"""
DESCRIBE_HELP = """\
Says what a study would do, without training: its space, the bodies that would be compiled,
parameters and FLOPs of its networks, the cost of padding, and memory. For a model: its layers, with
the shapes that they give and their parameters, and its FLOPs and memory. Images are loaded if
--data names them, or if the model does not say their size, as a list of layers need not.
"""
CALIBRATE_HELP = """\
Measures this machine for about a minute: compiles and trains a few small networks, a copy on every
core, or many copies on an accelerator. Prints how well hptjax predicts seconds before a run, and
saves correcting factors in your own file, whose name it prints (HPTJAX_CALIBRATION=FILE names
another file; 0: no file is written or read). Later runs on such a device predict better.

It changes only these predictions. Which networks share a program, and how many are trained side by
side, decides how sums are rounded. That follows from the package's own table, so that one seed has
one history whether or not a machine was calibrated.

Run nothing else at the same time.

examples:
  hptjax calibrate
  hptjax calibrate --dry-run
"""
DATA_HELP = """\
Reads images as a study would, and says what was read: how many images of each class are for
training, validation and test, sizes, range of values, all changes to the images, and possible
mistakes: absent or rare classes, images that are in two parts, images that are nearly black. It
trains nothing.

A folder has a folder of pictures (PNG, JPEG, BMP, ...) for each class, or it has train/, val/ and
test/ with such folders.

examples:
  hptjax data folder:digits --size 28 --channels 1 --show digits.png
  hptjax data npz:mine.npz --validation 500
  hptjax data folder:scans --validation "{fraction: 0.2, groups: 'patient(.+?)_'}"
"""

STATUS_HELP = """\
Shows the state of each strategy of a run: trials by status, the best one, how much of the budget
is spent, whether it is finished, and why the last failed trial failed. It only reads, and does not
disturb a running study.

example:
  hptjax status runs/quickstart-des-grid-random-tpe-seed0
"""
WATCH_HELP = """\
Shows a run that goes on in another shell: for each strategy its generation, the best value so far,
the seconds of an epoch of the population, and the time left; then the last failed trials. It ends
when the run is finished; Ctrl-C ends only the watching. It only reads.

examples:
  hptjax watch runs/quickstart-des-grid-random-tpe-seed0
  hptjax watch runs/mine --once
"""
REPORT_HELP = """\
Writes report.html, one page that works offline and alone: the best network, its measures and how to
use it, interactive curves, all trials in a table that sorts and filters, the importances of
hyperparameters, costs, statistics and rank tests, configs, machine and versions. Any number of runs
are compared; runs that differ only in their seed form one group. Figures for print are files in
figures/.

examples:
  hptjax report runs/mine --open
  hptjax report runs/seed0 runs/seed1 --out comparison --formats png pdf
"""
LIST_HELP = """\
Lists the names that a config may have: all tables; the names of one table, with a sentence about
each; or the details of one name, such as the text of a config, or the options of a searcher with
their defaults. Names from other packages are marked with the package.

examples:
  hptjax list
  hptjax list searchers
  hptjax list layers conv
  hptjax list searchers des
  hptjax list configs quickstart > mine.yaml
"""
EXPORT_HELP = """\
Writes a network of a run to a file: the best one, or with --trial any other. The ending decides
the format:

  .safetensors  weights at their exact shape, with config, class names and the preprocessing of
                images in the metadata. Every command that takes a run takes such a file.
  .onnx         the whole network for onnxruntime and others (extra [onnx]): bytes or, by --input,
                floats [N, H, W, C] in, logits and probabilities out.
  .pt           a state_dict for PyTorch (extra [torch]), and NAME_net.py beside it: the module as
                plain source, whose load() needs no hptjax.

With --ensemble an .onnx file gives the averaged probabilities of the run's kept networks.
The .onnx and .pt files hold a table of the arrays: Flax's path, PyTorch's name, and the order of
axes. Networks with layers of other packages, or of your own Flax class, can only be .safetensors.

If the run did not keep the weights of a trial, its network is trained again by the run's own
program, with its recorded random key, for its recorded epochs and on the run's images. That takes
the time to compile the program, unless it is cached, and to train one network. On the same kind of
device the weights are the same; elsewhere rounding differs, and training amplifies that. A
validation loss that differs a lot gives a warning. Of several repetitions, the first is trained.

examples:
  hptjax export runs/mine --to best.safetensors
  hptjax export runs/mine --to best.onnx
  hptjax export runs/mine --trial tpe/41 --to tpe-41.safetensors

In Python: hptjax.load_network("best.safetensors").predict(images)
"""
PREDICT_HELP = """\
Prints the class that a network predicts for each picture: PNG, JPEG and all else that Pillow reads;
for a folder, all pictures in it. They are prepared like the training images: other sizes are
resized in proportion, and the centre is cropped. A file that cannot be read is reported, and the
others are still predicted (exit code 2).

examples:
  hptjax predict runs/mine photo.png
  hptjax predict best.safetensors photos/ --top 3 --csv found.csv
"""
EVALUATE_HELP = """\
Prints the measures of a network, such as loss and accuracy, on images without augmentation. The
network is the best one of a run, one that `hptjax train --out` saved, or one in an exported file.
The images are the test set of the source that it was trained on, or, if there is none, the
validation set, split as it was then; --split chooses.

examples:
  hptjax evaluate runs/mine
  hptjax evaluate best.safetensors --split validation
  hptjax evaluate best.safetensors --data npz:other.npz
  hptjax evaluate runs/mine --per-class
  hptjax evaluate runs/mine --ensemble
"""
