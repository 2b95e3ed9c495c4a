"""Laws of the search strategies, on cheap functions of the unit cube."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from hptjax.errors import ConfigError
from hptjax.space import Categorical, Float, Integer, Space
from hptjax.strategies import SearchContext, make_searcher
from hptjax.strategies.permutation import Permutation
from hptjax.strategies.table import StrategyConfig

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


def test_a_listed_grid_visits_each_point_once_in_order():
    proposals, _ = search(make("grid", order="listed"), 1000, 5, bowl)
    assert [dict(p.hparams) for p in proposals] == SPACE.grid()
    assert len({p.genotype for p in proposals}) == 18


def test_a_grid_is_shuffled_unless_told_otherwise():
    orders = [
        [tuple(p.hparams.values()) for p in search(make("grid", seed=seed), 99, 5, bowl)[0]]
        for seed in (0, 1)
    ]
    listed = [tuple(point.values()) for point in SPACE.grid()]
    assert orders[0] != orders[1]
    assert all(order != listed and sorted(order) == sorted(listed) for order in orders)


def test_a_cut_grid_sees_every_value_of_every_hparam():
    space = Space({f"x{i}": Integer(0, 9, grid=tuple(range(10))) for i in range(5)})
    points = [p.hparams for p in make("grid", space).ask(100)]
    assert all(len({point[name] for point in points}) >= 9 for name in space.names)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 100, 1025])
def test_a_permutation_has_each_once(size):
    orders = [[Permutation(size, seed)(k) for k in range(size)] for seed in range(20)]
    assert all(sorted(order) == list(range(size)) for order in orders)
    assert len(set(map(tuple, orders))) >= min(size, 4) - (size < 3)  # not one for all seeds


def test_two_des_with_labels_of_their_own_draw_other_points():
    def first(label):
        searcher = make_searcher("des", SearchContext(SPACE, 0, label, 8, 100))
        return [p.genotype for p in searcher.ask(7)]

    assert len({tuple(first(label)) for label in ("des", "a", "b")}) == 3


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


def test_des_goes_on_for_as_long_as_it_is_asked():
    """What it could count on when it began decides no more than its restarts."""
    strategy = make("des", CUBE, evaluations=34)
    proposals, _ = search(strategy, 100, 17, bowl)
    assert len(proposals) == 100
    unbounded, _ = search(make("des", CUBE, evaluations=None), 100, 17, bowl)
    assert proposals == unbounded


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("cma", {}, "unknown searcher 'cma'"),
        ("optuna", {}, "unknown searcher 'optuna'; did you mean 'optuna.<name>'"),
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


FIRST = (
    {"lr": 0.02, "width": 11, "bn": True},
    {"lr": 0.01, "width": 16, "bn": False},  # a point of the grid
    {"lr": 0.001, "width": 24, "bn": True},
)
FIRST_NAMES = [*NAMES, "optuna.QMCSampler", "evosax.CMA_ES", "evosax.DifferentialEvolution"]


def make_with_first(name, first=FIRST, seed=0, **options):
    return make_searcher(name, SearchContext(SPACE, seed, name, 8, 1000, first), options)


@pytest.mark.parametrize("batch", [2, 8])
@pytest.mark.parametrize("name", FIRST_NAMES)
def test_points_to_try_first_come_first_and_in_order(name, batch):
    proposals, _ = search(make_with_first(name), 12, batch, bowl)
    for proposal, hparams in zip(proposals, FIRST, strict=False):
        assert proposal.hparams == pytest.approx(hparams)
    assert len(proposals) == 12


@pytest.mark.parametrize("name", ["des", "tpe", "evosax.CMA_ES", "evosax.DifferentialEvolution"])
def test_what_is_told_of_the_first_points_is_learnt_from(name):
    def later(value):
        searcher = make_with_first(name)
        for generation in range(3):
            asked = searcher.ask(8)
            values = [bowl(np.array(p.genotype)) for p in asked]
            if generation == 0:
                values[:3] = [value + 0.01 * k for k in range(3)]
            searcher.tell(asked, np.array(values))
        return [p.hparams for p in searcher.ask(8)]

    assert later(0.0) != later(1.0)


@pytest.mark.parametrize("name", ["des", "evosax.CMA_ES"])
def test_more_first_points_than_a_generation_has_rows(name):
    many = tuple({"lr": 0.05, "width": width, "bn": False} for width in range(8, 25))
    proposals, _ = search(make_with_first(name, many), 40, 8, bowl)
    tried = [p.hparams["width"] for p in proposals if p.hparams in many]
    assert tried[:17] == list(range(8, 25))


def test_des_tries_its_start_after_the_first_points():
    start = {"lr": 0.03, "width": 9, "bn": False}
    asked = make_with_first("des", start=start).ask(8)
    assert asked[3].hparams == pytest.approx(start)


def test_grid_does_not_repeat_the_first_points():
    proposals, _ = search(make_with_first("grid", order="listed"), 1000, 5, bowl)
    assert [dict(p.hparams) for p in proposals[3:]] == [p for p in SPACE.grid() if p not in FIRST]


def test_grid_of_480_in_batches_of_29():
    space = Space({"a": Integer(1, 480, grid=tuple(range(1, 481)))})
    searcher, sizes = make("grid", space), []
    while asked := searcher.ask(29):
        sizes.append(len(asked))
    assert sizes == [29] * 16 + [16]


def test_a_grid_larger_than_memory_costs_nothing():
    wide = Space({f"x{i}": Integer(0, 99, grid=tuple(range(100))) for i in range(15)})
    tracemalloc.start()
    searcher = make("grid", wide)
    asked = [searcher.ask(29) for _ in range(3)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(batch) for batch in asked] == [29, 29, 29]
    assert peak < 5e6


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_no_batch_repeats_a_point_while_the_space_has_others(name):
    space = Space({"a": Integer(1, 6), "b": Categorical((False, True)), "c": Integer(1, 3)})
    searcher = make(name, space)
    for _ in range(4):  # by the second batch TPE has settled on the best few
        asked = searcher.ask(29)
        assert len({tuple(p.hparams.values()) for p in asked}) == 29
        searcher.tell(asked, np.array([bowl(np.array(p.genotype)) for p in asked]))
    assert len({tuple(p.hparams.values()) for p in searcher.ask(40)}) == 36


@pytest.mark.parametrize(
    "tree",
    [
        {"name": "optuna.CmaEsSampler", "n_startup_trials": 3, "with_margin": True},
        {"name": "evosax.CMA_ES", "std_init": 0.1, "label": "narrow"},
        "evosax.DES",
    ],
)
def test_names_and_options_go_through_a_config(tree):
    strategy = StrategyConfig.from_tree(tree)
    assert strategy.to_tree() == tree
    assert StrategyConfig.from_tree(strategy.to_tree()) == strategy


def test_the_table_imports_no_search_library():
    code = (
        "import sys, hptjax.strategies.table; print({'optuna', 'evosax', 'jax'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()"]
