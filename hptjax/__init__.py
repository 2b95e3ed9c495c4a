"""hptjax: a population of different small image classifiers trained in one compiled call.

The names below are loaded when first used, so that `import hptjax` stays light.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
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
    from hptjax.models import Classifier as Classifier
    from hptjax.models import init_variables as init_variables
    from hptjax.models.ensemble import Ensemble as Ensemble
    from hptjax.models.layers.base import Layer as Layer
    from hptjax.models.layers.base import Weight as Weight
    from hptjax.models.network import load_best as load_best
    from hptjax.models.network import load_network as load_network
    from hptjax.population import Member as Member
    from hptjax.population import Population as Population
    from hptjax.population import PopulationTrainer as PopulationTrainer
    from hptjax.population import evaluate_population as evaluate_population
    from hptjax.population import make_plan as make_plan
    from hptjax.population.lr_schedules.base import LrSchedule as LrSchedule
    from hptjax.population.optimizers.base import Optimizer as Optimizer
    from hptjax.records import load_run as load_run
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

__version__ = "0.1.0"

_HOMES = {
    "Augmentation": "hptjax.data.augmentations.base",
    "Classifier": "hptjax.models",
    "ConfigError": "hptjax.errors",
    "Ensemble": "hptjax.models.ensemble",
    "ImageDataset": "hptjax.data",
    "Layer": "hptjax.models.layers.base",
    "LrSchedule": "hptjax.population.lr_schedules.base",
    "Member": "hptjax.population",
    "Metric": "hptjax.study.metric",
    "Model": "hptjax.config.model",
    "ModelConfig": "hptjax.config.schema",
    "Optimizer": "hptjax.population.optimizers.base",
    "Population": "hptjax.population",
    "PopulationProblem": "hptjax.search.population_problem",
    "PopulationTrainer": "hptjax.population",
    "Sink": "hptjax.study.sink",
    "Space": "hptjax.space",
    "StudyConfig": "hptjax.study",
    "StudyData": "hptjax.study.data",
    "Task": "hptjax.tasks",
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
    "load_run": "hptjax.records",
    "load_study": "hptjax.study",
    "loguniform": "hptjax.config.ranges",
    "make_objective": "hptjax.search.objective",
    "make_plan": "hptjax.population",
    "metric": "hptjax.study.metric",
    "run_study": "hptjax.search",
    "train_validation_split": "hptjax.data",
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
)

__getattr__, __dir__ = lazily(__name__, _HOMES, _MODULES)
