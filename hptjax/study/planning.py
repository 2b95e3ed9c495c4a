"""What to compile for a study: configs that stand for all that its space can produce."""

from collections import Counter
from collections.abc import Sequence

from hptjax.config.geometry import ImageSpec
from hptjax.config.schema import ModelConfig
from hptjax.config.study import StudyConfig
from hptjax.errors import ConfigError
from hptjax.models.signature import signature_of
from hptjax.population import PopulationTrainer, make_plan
from hptjax.study.data import StudyData
from hptjax.study.engine import MakeTrainer
from hptjax.transpile.envelope import envelope

MAX_SIGNATURES = 32  # each costs seconds of compiling; rarer ones are compiled when they turn up


def space_sample(study: StudyConfig, image: ImageSpec) -> list[ModelConfig]:
    """Repaired configs of the space, among them the widest of each signature; always the same.

    Of more than MAX_SIGNATURES only the most frequent are kept. Raises: ConfigError when no point
    of the space can be built.
    """
    configs = envelope(study.model, study.space, image, limit=MAX_SIGNATURES)
    if not configs:
        raise ConfigError(
            "No point of the space gives a network that fits the images of "
            f"{image.height}x{image.width}: lower strides, kernel sizes or pool_size."
        )
    count = Counter(signature_of(config) for config in configs)
    kept = {signature for signature, _ in count.most_common(MAX_SIGNATURES)}
    return [config for config in configs if signature_of(config) in kept]


def make_population_trainer(study: StudyConfig, data: StudyData) -> MakeTrainer:
    """What makes the trainers of a study: a plan for some configs, and the engine on its images."""

    def make(configs: Sequence[ModelConfig]) -> PopulationTrainer:
        return PopulationTrainer(
            make_plan(configs, capacity=study.population_size),
            data.train,
            data.validation,
            seed=study.seed,
            augment=study.data.augment,
            augment_validation=study.data.augment_validation,
        )

    return make
