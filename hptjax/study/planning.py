"""What to compile for a study: configs that stand for all that its space can produce."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from hptjax.config.geometry import ImageSpec
from hptjax.config.schema import ModelConfig
from hptjax.config.study import StudyConfig
from hptjax.errors import ConfigError
from hptjax.models.signature import Signature, signature_of
from hptjax.population import PopulationTrainer, make_plan
from hptjax.space import Space
from hptjax.study.data import StudyData
from hptjax.study.engine import MakeTrainer
from hptjax.transpile import candidate

SAMPLES = 256
MAX_SIGNATURES = 16  # each costs seconds of compiling; rarer ones are compiled when they turn up


def space_sample(study: StudyConfig, image: ImageSpec) -> list[ModelConfig]:
    """Repaired configs drawn from the space, and the widest of each signature among them.

    Always the same for the same study. Raises: ConfigError when hardly any point of the space can
    be built, with the reason of one that cannot.
    """
    space = study.space
    draws = space.sample(SAMPLES, np.random.default_rng(0))
    candidates = [candidate(study.model, hparams, image) for hparams in draws]
    built = [(h, c.config) for h, c in zip(draws, candidates, strict=True) if c.config is not None]
    if not built:
        raise ConfigError(
            f"No point of the space can be built ({SAMPLES} were tried): {candidates[0].infeasible}"
        )
    count = Counter(signature_of(config) for _, config in built)
    kept = {signature for signature, _ in count.most_common(MAX_SIGNATURES)}
    first = {signature_of(config): hparams for hparams, config in reversed(built)}
    widest = [_widest(study.model, space, first[s], image, s) for s in first if s in kept]
    return [*widest, *(config for _, config in built if signature_of(config) in kept)]


def _widest(
    base: ModelConfig, space: Space, hparams: dict, image: ImageSpec, signature: Signature
) -> ModelConfig:
    """The hparams' config with all set to their upper ends that leave its signature as it is."""
    config = candidate(base, hparams, image).config
    for name in space.names:
        raised = {**hparams, name: space[name].from_unit(1.0)}
        other = candidate(base, raised, image).config
        if other is not None and signature_of(other) == signature:
            hparams, config = raised, other
    assert config is not None
    return config


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
