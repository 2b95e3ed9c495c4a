"""Points of native spaces inside a program: the members equal those that the host builds."""

import numpy as np
import pytest

from hptjax.config.geometry import ImageSpec
from hptjax.config.yaml_file import parse_yaml
from hptjax.errors import ConfigError
from hptjax.population import make_plan
from hptjax.study.config import StudyConfig
from hptjax.transpile import Problem
from hptjax.transpile.traced import TracedProblem
from tests.nets import SIZE
from tests.test_population_problem import built_as_on_the_host

IMAGES = ImageSpec(SIZE, SIZE, 1, 10)
STAGES = """
layers:
  - conv: {label: stem, out_channels: {int: [2, 4]}, stride: 2, activation: {choice: [relu, tanh]}}
  - residual:
      label: stage
      depth: {int: [1, 3]}
      out_channels: =1.5 * stem.out_channels
      activation: {choice: [relu, gelu, tanh]}
  - {label: pool, choice: [{max_pool: {size: {choice: [2, 3]}}}, avg_pool, none]}
  - conv: {label: last, out_channels: =2 * stem.out_channels, dropout: {float: [0.0, 0.3]}}
  - global_avg_pool
  - head
lr: {float: [1e-4, 1e-2], log: true}
"""
EACH = """
layers:
  - flatten
  - linear:
      label: hidden
      depth: {int: [1, 3]}
      out_features: {int: [4, 8], each: true}
      activation: {choice: [relu, tanh], each: true}
      norm: {choice: [none, batch]}
      dropout: {float: [0.0, 0.5], each: true}
  - head
optimizer:
  choice:
    plain: {sgd: {momentum: 0.1}}
    adam: {adam: {epsilon: {float: [1e-8, 1e-3], log: true}}}
    rms: {rmsprop: {centered: true}}
lr: {float: [1e-4, 1e-2], log: true}
weight_decay: {choice: [0.0, 0.01]}
"""
CONSTANTS = """
layers:
  - flatten
  - label: first
    choice:
      narrow: {linear: {out_features: 4, dropout: 0.1, activation: tanh}}
      wide: {linear: {out_features: 7, dropout: 0.4}}
      noise: {dropout: {float: [0.1, 0.2]}}
      nothing: none
  - linear: {out_features: {choice: [3, 6]}}
  - head
batch_size: {choice: [8, 16]}
"""
STACKS = """
layers:
  - stack:
      label: body
      depth: {choice: [0, 2, 3]}
      layers:
        - conv: {out_channels: {int: [2, 5], each: true}, kernel_size: {choice: [1, 3]}}
        - {label: between, choice: [{activation: gelu}, {dropout: {rate: {float: [0.1, 0.4]}}}]}
  - max_pool: 6
  - flatten
  - head
"""
REFERRING = """
layers:
  - flatten
  - linear: {label: first, out_features: {int: [3, 6]}, activation: {choice: [relu, tanh]}}
  - label: second
    depth: 2
    choice:
      - none
      - linear: {out_features: =1.5 * first.out_features, activation: =first.activation}
  - head
"""
OWN = """
flax:
  module: tests.own_nets:Ours
  width: {choice: [2, 4]}
  call: {dropout: {float: [0.0, 0.3]}}
optimizer: {choice: [adam, {sgd: {momentum: {float: [0.5, 0.9]}}}]}
"""


def problem_of(text, **others):
    study = StudyConfig.from_dict({"model": parse_yaml(text, "model"), **others})
    assert study.space is not None
    return Problem(study.model, study.space, IMAGES)


@pytest.mark.slow
@pytest.mark.parametrize("text", [STAGES, EACH, CONSTANTS, STACKS, REFERRING, OWN])
def test_members_of_a_native_space_are_those_that_the_host_builds(text):
    problem = problem_of(text)
    points = np.random.default_rng(4).random((60, len(problem.space))).astype(np.float32)
    built = built_as_on_the_host(problem, make_plan(problem.cover(), max_bodies=8), points)
    assert all(candidate.config for candidate in built)


def test_a_space_whose_traced_hparams_decide_feasibility_is_refused():
    problem = problem_of("""
layers:
  - conv: {out_channels: {int: [4, 8]}, stride: 3, norm: {group: 2}}
  - flatten
  - head
""")
    with pytest.raises(
        ConfigError, match=r"only static hparams may decide .* cannot be split into"
    ):
        TracedProblem(problem, make_plan(problem.cover()))


def test_combinations_that_differ_in_what_is_inactive_count_once():
    kinds = "[{max_pool: {size: {choice: [2, 3, 4]}}}, {avg_pool: {size: {choice: [2, 3, 4]}}}]"
    problem = problem_of(f"""
layers:
  - {{label: a, choice: {kinds}}}
  - {{label: b, choice: [none, {{max_pool: {{size: {{choice: [1, 2]}}}}}}]}}
  - flatten
  - head
batch_size: {{choice: [8]}}
""")
    values = problem.static_values()
    assert len(problem.combinations(values)) == 6 * 3  # of 2 * 3 * 3 * 2 * 2 that are written
    plan = make_plan(problem.cover())
    assert len(TracedProblem(problem, plan).plan.bodies) == 18
    more = problem_of(f"""
layers:
  - {{label: a, choice: {kinds}}}
  - {{label: b, choice: {kinds}}}
  - flatten
  - head
""")
    with pytest.raises(ConfigError, match=r"32 combinations of a, a\.max_pool\.size, .* got 36"):
        more.combinations(more.static_values())
