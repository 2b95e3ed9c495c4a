"""Parsers of the commands data, export, predict and evaluate."""

import argparse

from hptjax.cli.looking import add_command
from hptjax.cli.texts import DATA_HELP, EVALUATE_HELP, EXPORT_HELP, PREDICT_HELP
from hptjax.cli.training import add_compile_cache, add_images
from hptjax.paths import user_path


def add_network_commands(commands) -> None:
    """Adds the commands that use a trained network to the subcommands."""
    _add_export(commands)
    _add_predict(commands)
    _add_evaluate(commands)


def add_data_command(commands) -> None:
    """Adds the command `data` to the subcommands."""
    command = add_command(commands, "data", "say what images a source gives", DATA_HELP)
    command.add_argument(
        "source", metavar="SOURCE", help="folder:<path>, npz:<path>, sample, ... (list sources)"
    )
    command.add_argument("--data-dir", metavar="DIR", help="the folder of the source's files")
    command.add_argument("--size", metavar="N", help="scale and crop images to N pixels, or HxW")
    command.add_argument("--channels", type=int, metavar="C", help="1: make images grey, 3: RGB")
    command.add_argument(
        "--validation",
        metavar="WHAT",
        help="a share (0.2), a number of images, test, a source, or YAML such as "
        "'{fraction: 0.2, groups: ...}' (default: 0.2, if the source has no validation set)",
    )
    command.add_argument(
        "--broken",
        choices=("refuse", "skip"),
        help="what to do with broken files (default: refuse)",
    )
    command.add_argument(
        "--background",
        metavar="COLOUR",
        help="the colour behind transparent pictures, such as white or '#808080'",
    )
    command.add_argument(
        "--kind",
        choices=("classes", "labels", "targets"),
        default="classes",
        help="the kind of labels: one class, several labels, real numbers (default: classes)",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the split")
    command.add_argument(
        "--show", type=user_path, metavar="FILE.png", help="write a sheet of pictures of each class"
    )
    command.set_defaults(handler=_data, only_prints=True)


def _add_export(commands) -> None:
    command = add_command(commands, "export", "write a network of a run to one file", EXPORT_HELP)
    command.add_argument(
        "run", type=user_path, metavar="DIR|FILE", help="a run directory, or an exported file"
    )
    command.add_argument(
        "--trial",
        metavar="STRATEGY/N",
        help="a trial, or only N if the run has one strategy; trained again if its weights are "
        "not kept (default: the best network, which is kept)",
    )
    command.add_argument(
        "--to",
        type=user_path,
        required=True,
        metavar="FILE",
        help="must end in .safetensors, .onnx (extra [onnx]) or .pt (extra [torch])",
    )
    command.add_argument(
        "--ensemble",
        action="store_true",
        help="the run's kept networks together (keep_best), as one .onnx file",
    )
    command.add_argument(
        "--input",
        choices=("uint8", "float32"),
        help="the input of an .onnx file: bytes (the default), or floats from 0 to 1",
    )
    command.add_argument(
        "--data-dir", metavar="DIR", help="the folder of the source's files now (with --trial)"
    )
    add_compile_cache(command)
    command.set_defaults(handler=_export)


def _add_evaluate(commands) -> None:
    command = add_command(commands, "evaluate", "measure a network of a run", EVALUATE_HELP)
    command.add_argument(
        "network", type=user_path, metavar="DIR|FILE", help="a run directory, or an exported file"
    )
    command.add_argument(
        "--split",
        choices=("test", "train", "validation"),
        help="which images (default: test, or validation if there is no test set)",
    )
    _add_ensemble(command)
    command.add_argument(
        "--per-class",
        action="store_true",
        help="print precision, recall and F1 of each class, and the confusion matrix",
    )
    add_images(command)
    add_compile_cache(command)
    command.set_defaults(handler=_evaluate, only_prints=True)


def _add_ensemble(command) -> None:
    command.add_argument(
        "--ensemble",
        action="store_true",
        help="use the ensemble of the run's kept networks (keep_best)",
    )


def _add_predict(commands) -> None:
    command = add_command(
        commands, "predict", "print the predicted classes of pictures", PREDICT_HELP
    )
    command.add_argument(
        "network", type=user_path, metavar="RUN|FILE", help="a run directory, or an exported file"
    )
    command.add_argument(
        "images",
        type=user_path,
        nargs="+",
        metavar="IMAGE",
        help="pictures, or folders of pictures",
    )
    _add_ensemble(command)
    command.add_argument(
        "--top", type=int, metavar="K", help="the K most likely classes (default: 1)"
    )
    command.add_argument(
        "--probabilities",
        action="store_true",
        help="print the probabilities of all classes, a column each",
    )
    command.add_argument(
        "--csv",
        type=user_path,
        metavar="FILE",
        help="write the predictions to FILE instead of printing them",
    )
    add_compile_cache(command)
    command.set_defaults(handler=_predict, only_prints=True)


# The handlers import what they need: `--help` and a wrong option answer at once.


def _data(args: argparse.Namespace) -> int:
    from hptjax.cli.data import data

    return data(args)


def _export(args: argparse.Namespace) -> int:
    from hptjax.cli.export import export

    return export(args)


def _evaluate(args: argparse.Namespace) -> int:
    from hptjax.cli.evaluate import evaluate

    return evaluate(args)


def _predict(args: argparse.Namespace) -> int:
    from hptjax.cli.predict import predict

    return predict(args)
