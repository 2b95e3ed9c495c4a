"""Accuracy of the default model alone on FashionMNIST: 48 000 / 12 000 split, five epochs.

    python -m experiments.default_accuracy [--data-dir DIR] [--seeds 3] [--epochs 5]

Prints validation loss and test accuracy per seed and their means, with and without augmentation.
experiments/benchmarks/torch_accuracy.py does the same in PyTorch.
"""

import argparse
from pathlib import Path

import numpy as np

from hptjax.config.load import load_model_config
from hptjax.data import load_images, train_validation_split
from hptjax.models import evaluate_variables
from hptjax.population import Member, Population, PopulationTrainer, make_plan

MODEL = Path(__file__).parent.parent / "configs" / "model.yaml"


def run(seed: int, epochs: int, augment: bool, data_dir: Path | None) -> tuple[float, float, float]:
    """Returns (validation loss, validation accuracy, test accuracy) after the last epoch."""
    config = load_model_config(MODEL)
    images = load_images("fashion_mnist", data_dir=data_dir)
    train, validation = train_validation_split(images, seed=seed)
    trainer = PopulationTrainer(make_plan([config]), train, validation, seed=seed, augment=augment)
    population = Population.start(trainer, [Member(config, seed)])
    curves = population.advance(epochs).curves
    test = load_images("fashion_mnist", split="test", data_dir=data_dir)
    accuracy = evaluate_variables(config, population.weights(0), test)["accuracy"]
    return float(curves["val_loss"][-1, 0]), float(curves["val_accuracy"][-1, 0]), accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()
    for augment in (False, True):
        rows = [run(seed, args.epochs, augment, args.data_dir) for seed in range(args.seeds)]
        for seed, row in enumerate(rows):
            print(f"augment={augment} seed={seed} " + " ".join(f"{x:.4f}" for x in row))
        means = " ".join(f"{x:.4f}" for x in np.mean(rows, 0))
        print(f"augment={augment} mean val_loss val_accuracy test_accuracy: {means}", flush=True)


if __name__ == "__main__":
    main()
