"""hptjax: a population of different small image classifiers trained at once.

Tune a network:
    tune            one call: a network, images and a budget in, a Result out
    run             one call: a study from its file, a Result out
    Result, Trial   the trials of a run: tables, plots, networks, a report
    load_run        the Result of a finished or interrupted run, read from its folder
    metric, Metric  your own function by which trials are judged

Say which networks:
    Model           a list of layers and a recipe to train them; the layers are in `hptjax.layers`
    uniform, loguniform, integer, choice
                    a range or a choice in place of a value: that value is tuned
    Ref             a reference: takes the value of another option
    ModelConfig, load_model_config, with_hparams
                    networks in the form of the original study, and copies with other hparams
    Space           the hparams that are tuned, by name

Say which images:
    ImageDataset, load_images, train_validation_split
    StudyData       training and validation images

Use a trained network:
    load_network, Network
                    a trained network, of a run or from a file: predict, evaluate, export
    Ensemble        several networks that predict together
    load_best, Classifier, init_variables
                    the weights of a run's best network, and networks as Flax modules

Use the parts by themselves:
    StudyConfig, load_study, run_study
                    the study that a file describes, and the search over it
    evaluate_population, Population, PopulationTrainer, Member, make_plan
                    populations of different networks, trained at once
    PopulationProblem, make_objective, des_minimize
                    a whole search in one compiled call; a function to minimise; DES

Write a part:
    Layer, Weight, Optimizer, LrSchedule, Augmentation, Task, Sink

Errors:
    ConfigError, DataError, MissingExtraError

Each name is loaded at its first use, so that `import hptjax` stays light.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
    from hptjax import data as data
    from hptjax import des as des
    from hptjax import devices as devices
    from hptjax import errors as errors
    from hptjax import layers as layers
    from hptjax import models as models
    from hptjax import nn as nn
    from hptjax import population as population
    from hptjax import records as records
    from hptjax import report as report
    from hptjax import study as study
    from hptjax import testing as testing
    from hptjax import tuning as tuning
    from hptjax.config.load import load_model_config as load_model_config
    from hptjax.config.model import Model as Model
    from hptjax.config.ranges import choice as choice
    from hptjax.config.ranges import integer as integer
    from hptjax.config.ranges import loguniform as loguniform
    from hptjax.config.ranges import uniform as uniform
    from hptjax.config.schema import ModelConfig as ModelConfig
    from hptjax.data import ImageDataset as ImageDataset
    from hptjax.data import load_images as load_images
    from hptjax.data import train_validation_split as train_validation_split
    from hptjax.data.augmentations.base import Augmentation as Augmentation
    from hptjax.des import des_minimize as des_minimize
    from hptjax.errors import ConfigError as ConfigError
    from hptjax.errors import DataError as DataError
    from hptjax.errors import MissingExtraError as MissingExtraError
    from hptjax.layers import Ref as Ref
    from hptjax.models import Classifier as Classifier
    from hptjax.models import init_variables as init_variables
    from hptjax.models.ensemble import Ensemble as Ensemble
    from hptjax.models.layers.base import Layer as Layer
    from hptjax.models.layers.base import Weight as Weight
    from hptjax.models.network import Network as Network
    from hptjax.models.network import load_best as load_best
    from hptjax.models.network import load_network as load_network
    from hptjax.population import Member as Member
    from hptjax.population import Population as Population
    from hptjax.population import PopulationTrainer as PopulationTrainer
    from hptjax.population import evaluate_population as evaluate_population
    from hptjax.population import make_plan as make_plan
    from hptjax.population.lr_schedules.base import LrSchedule as LrSchedule
    from hptjax.population.optimizers.base import Optimizer as Optimizer
    from hptjax.search import run_study as run_study
    from hptjax.search.objective import make_objective as make_objective
    from hptjax.search.population_problem import PopulationProblem as PopulationProblem
    from hptjax.space import Space as Space
    from hptjax.study import StudyConfig as StudyConfig
    from hptjax.study import load_study as load_study
    from hptjax.study.data import StudyData as StudyData
    from hptjax.study.metric import Metric as Metric
    from hptjax.study.metric import metric as metric
    from hptjax.study.sink import Sink as Sink
    from hptjax.tasks import Task as Task
    from hptjax.transpile import with_hparams as with_hparams
    from hptjax.tuning.call import tune as tune
    from hptjax.tuning.file import run as run
    from hptjax.tuning.result import Result as Result
    from hptjax.tuning.result import load_run as load_run
    from hptjax.tuning.trial import Trial as Trial

__version__ = "0.1.0"

__all__ = [
    "Augmentation",
    "Classifier",
    "ConfigError",
    "DataError",
    "Ensemble",
    "ImageDataset",
    "Layer",
    "LrSchedule",
    "Member",
    "Metric",
    "MissingExtraError",
    "Model",
    "ModelConfig",
    "Network",
    "Optimizer",
    "Population",
    "PopulationProblem",
    "PopulationTrainer",
    "Ref",
    "Result",
    "Sink",
    "Space",
    "StudyConfig",
    "StudyData",
    "Task",
    "Trial",
    "Weight",
    "choice",
    "des_minimize",
    "evaluate_population",
    "init_variables",
    "integer",
    "load_best",
    "load_images",
    "load_model_config",
    "load_network",
    "load_run",
    "load_study",
    "loguniform",
    "make_objective",
    "make_plan",
    "metric",
    "run",
    "run_study",
    "train_validation_split",
    "tune",
    "uniform",
    "with_hparams",
]

_HOMES = {
    "Augmentation": "hptjax.data.augmentations.base",
    "Classifier": "hptjax.models",
    "ConfigError": "hptjax.errors",
    "DataError": "hptjax.errors",
    "Ensemble": "hptjax.models.ensemble",
    "ImageDataset": "hptjax.data",
    "Layer": "hptjax.models.layers.base",
    "LrSchedule": "hptjax.population.lr_schedules.base",
    "Member": "hptjax.population",
    "Metric": "hptjax.study.metric",
    "MissingExtraError": "hptjax.errors",
    "Model": "hptjax.config.model",
    "ModelConfig": "hptjax.config.schema",
    "Network": "hptjax.models.network",
    "Optimizer": "hptjax.population.optimizers.base",
    "Population": "hptjax.population",
    "PopulationProblem": "hptjax.search.population_problem",
    "PopulationTrainer": "hptjax.population",
    "Ref": "hptjax.layers",
    "Result": "hptjax.tuning.result",
    "Sink": "hptjax.study.sink",
    "Space": "hptjax.space",
    "StudyConfig": "hptjax.study",
    "StudyData": "hptjax.study.data",
    "Task": "hptjax.tasks",
    "Trial": "hptjax.tuning.trial",
    "Weight": "hptjax.models.layers.base",
    "choice": "hptjax.config.ranges",
    "des_minimize": "hptjax.des",
    "evaluate_population": "hptjax.population",
    "init_variables": "hptjax.models",
    "integer": "hptjax.config.ranges",
    "load_best": "hptjax.models.network",
    "load_images": "hptjax.data",
    "load_model_config": "hptjax.config.load",
    "load_network": "hptjax.models.network",
    "load_run": "hptjax.tuning.result",
    "load_study": "hptjax.study",
    "loguniform": "hptjax.config.ranges",
    "make_objective": "hptjax.search.objective",
    "make_plan": "hptjax.population",
    "metric": "hptjax.study.metric",
    "run": "hptjax.tuning.file",
    "run_study": "hptjax.search",
    "train_validation_split": "hptjax.data",
    "tune": "hptjax.tuning.call",
    "uniform": "hptjax.config.ranges",
    "with_hparams": "hptjax.transpile",
}

_MODULES = (
    "data",
    "des",
    "devices",
    "errors",
    "layers",
    "models",
    "nn",
    "population",
    "records",
    "report",
    "study",
    "testing",
    "tuning",
)

__getattr__, __dir__ = lazily(__name__, _HOMES, _MODULES, hints="hptjax.errors:similar")
