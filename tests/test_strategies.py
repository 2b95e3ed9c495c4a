"""Laws of the search strategies, on cheap functions of the unit cube."""

import numpy as np
import optuna
import pytest

from hptjax.errors import ConfigError
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.strategies import SearchContext, make_searcher
from hptjax.strategies.evosax import EvosaxSearcher
from hptjax.strategies.optuna import OptunaSearcher

SPACE = Space(
    {
        "lr": Float(0.001, 0.1, log=True, grid=(0.001, 0.01, 0.1)),
        "width": Integer(8, 24, grid=(8, 16, 24)),
        "bn": Categorical((False, True)),
    }
)
NAMES = ("des", "grid", "random", "tpe")
CUBE = Space({f"x{i}": Float(0.0, 1.0) for i in range(4)})


def make(name, space=SPACE, seed=0, evaluations=1000, **options):
    return make_searcher(name, SearchContext(space, seed, name, None, evaluations), options)


def search(strategy, evaluations, batch, objective):
    """Proposals and values [evaluations] of a search."""
    proposals, values = [], []
    while len(proposals) < evaluations:
        asked = strategy.ask(min(batch, evaluations - len(proposals)))
        if not asked:
            break
        told = np.array([objective(np.array(p.genotype)) for p in asked])
        strategy.tell(asked, told)
        proposals, values = proposals + asked, values + told.tolist()
    return proposals, np.array(values)


def bowl(u):
    return float(((u - 0.7) ** 2).sum())


def test_grid_visits_each_point_once_in_order():
    proposals, _ = search(make("grid"), 1000, 5, bowl)
    assert [dict(p.hparams) for p in proposals] == SPACE.grid()
    assert len({p.genotype for p in proposals}) == 18


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_proposals_and_genotypes_decode_to_hparams(name):
    first, _ = search(make(name, seed=3), 40, 7, bowl)
    second, _ = search(make(name, seed=3), 40, 7, bowl)
    assert first == second
    assert all(SPACE.decode(p.genotype) == p.hparams for p in first)


@pytest.mark.parametrize("name", ["des", "random", "tpe"])
def test_other_seed_other_proposals(name):
    first, _ = search(make(name, seed=3), 12, 12, bowl)
    second, _ = search(make(name, seed=4), 12, 12, bowl)
    assert first != second


@pytest.mark.parametrize("batch", [5, 17, 64])
def test_des_improves_on_a_bowl_whatever_the_batch(batch):
    proposals, values = search(make("des", CUBE, evaluations=600), 600, batch, bowl)
    assert len(proposals) == 600
    assert values[-34:].min() < 0.05 * values[:17].min()


def test_des_proposals_do_not_depend_on_the_batch():
    small, _ = search(make("des", CUBE), 60, 4, bowl)
    large, _ = search(make("des", CUBE), 60, 40, bowl)
    assert [p.genotype for p in small] == [p.genotype for p in large]


def test_des_asks_its_start_first():
    start = {"lr": 0.02, "width": 11, "bn": True}
    first = make("des", start=start).ask(13)[0]
    assert first.hparams == pytest.approx(start)


def test_tpe_learns_and_beats_random():
    _, tpe = search(make("tpe", CUBE, seed=1), 120, 8, bowl)
    _, random = search(make("random", CUBE, seed=1), 120, 8, bowl)
    assert np.mean(tpe[-40:]) < 0.5 * np.mean(random[-40:])


@pytest.mark.parametrize("name", ["des", "tpe"])
def test_failed_trials_are_told_and_avoided(name):
    def half_fails(u):
        return float("nan") if u[0] < 0.5 else bowl(u)

    proposals, values = search(make(name, CUBE, seed=2, evaluations=300), 300, 17, half_fails)
    failed = np.isnan(values)
    assert failed[:34].mean() > 0.2
    assert failed[-100:].mean() < 0.5 * failed[:34].mean()
    assert len(proposals) == 300


@pytest.mark.parametrize("name", NAMES)
def test_all_failing_does_not_break_a_search(name):
    proposals, _ = search(make(name), 45, 13, lambda u: float("nan"))
    assert len(proposals) == (18 if name == "grid" else 45)


def test_des_ends_with_its_budget():
    strategy = make("des", CUBE, evaluations=34)
    proposals, _ = search(strategy, 1000, 17, bowl)
    assert len(proposals) == 34


@pytest.mark.filterwarnings("ignore:QMCSampler is experimental")
def test_any_optuna_sampler_is_a_strategy():
    sampler = optuna.samplers.QMCSampler(seed=0)
    proposals, _ = search(OptunaSearcher(CUBE, sampler), 16, 8, bowl)
    assert len({p.genotype for p in proposals}) == 16


@pytest.mark.parametrize("name", ["CMA_ES", "DifferentialEvolution"])
def test_any_evosax_algorithm_is_a_strategy(name):
    from evosax.algorithms import algorithms

    algorithm = algorithms[name](population_size=16, solution=np.zeros(4, np.float32))
    params = algorithm.default_params
    if hasattr(params, "std_init"):
        params = params.replace(std_init=0.2)
    _, values = search(EvosaxSearcher(CUBE, algorithm, seed=0, params=params), 320, 10, bowl)
    assert values[-32:].min() < 0.3 * values[:16].min()


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("cma", {}, "unknown strategy 'cma'"),
        ("des", {"lambda": 3}, "strategies.des.lambda: unknown key"),
        ("des", {"start": {"lr": 0.01}}, "missing: width"),
        ("des", {"preset": "fast"}, "preset"),
    ],
)
def test_mistakes_are_named(name, options, text):
    with pytest.raises(ConfigError, match=text.replace("(", r"\(")):
        make(name, **options)


def test_tpe_does_not_repeat_the_draws_of_random_search():
    space = Space({"lr": Float(0.001, 0.1)})
    random, tpe = (make(name, space).ask(5) for name in ("random", "tpe"))
    assert not {p.hparams["lr"] for p in random} & {p.hparams["lr"] for p in tpe}
