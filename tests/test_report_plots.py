"""Plots show the numbers of the tables that they are given, and those of Optuna's own plots."""

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import optuna
import pytest
from optuna.visualization import matplotlib as optuna_plots

import hptjax.report as report
import hptjax.report.plots as plots
from experiments.original_logs import read_original
from hptjax.errors import ConfigError
from hptjax.report.plots.style import as_numbers, colours_of, lines_of, log_if_wide
from hptjax.search import run_study
from tests.fakes import SPACE, FakeExecutor, data, study

LOGS = Path(__file__).parent / "data" / "original-study"
AXES = ("evaluations", "member_epochs", "samples", "seconds")


@pytest.fixture(scope="module")
def runs():
    return {
        f"s{seed}": run_study(
            study(strategies=("random", "tpe"), seed=seed, schedule="halving", epochs=4),
            data(),
            executor=FakeExecutor(),
        )
        for seed in range(2)
    }


@pytest.fixture(scope="module")
def table(runs):
    return report.runs_table(runs)


@pytest.fixture(scope="module")
def one(table):
    return table[(table["group"] == "tpe") & (table["run"] == "s0")]


@pytest.fixture(scope="module")
def original():
    return read_original(LOGS)


def close():
    """Optuna's plots are of pyplot, ours of none."""
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def optuna_study(one):
    mpl.use("agg")
    yield report.as_optuna_study(one, SPACE)
    close()


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_best_so_far_is_optunas(one, optuna_study):
    theirs = optuna_plots.plot_optimization_history(optuna_study)
    line = next(line for line in theirs.lines if line.get_label() == "Best Value")
    ours = plots.plot_best_so_far(one, plots.new_axes()).lines[0]
    number, best = (np.asarray(v, float) for v in line.get_data())
    x, y = ours.get_data()
    found = np.isin(x - 1, number) & np.isfinite(y)
    first = int(x[0])  # before that, none was trained to the end
    np.testing.assert_array_equal(y[found], best[number >= first - 1])


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("hparam", ["lr", "resnet_stride_l0"])
def test_slices_are_optunas(one, optuna_study, hparam):
    theirs = optuna_plots.plot_slice(optuna_study, params=[hparam]).collections[0].get_offsets()
    ours = plots.plot_slice(one, plots.new_axes(), hparam).collections[0].get_offsets()
    np.testing.assert_array_equal(np.sort(ours, axis=0), np.sort(theirs, axis=0))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_importances_are_optunas(one, optuna_study):
    theirs = optuna_plots.plot_param_importances(
        optuna_study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
    )
    ours = plots.plot_importances(report.hparam_importances(one, SPACE), plots.new_axes())
    widths = [sorted(patch.get_width() for patch in ax.patches) for ax in (ours, theirs)]
    assert widths[0] == widths[1]


@pytest.mark.parametrize("axis", AXES)
def test_best_so_far_ends_at_what_was_found_and_spent(table, axis):
    ax = plots.plot_best_so_far(table, plots.new_axes(), axis)
    curves = report.best_so_far(table, axis)
    for line, (_, rows) in zip(ax.lines[::2], curves.groupby("group", sort=False), strict=True):
        assert line.get_xdata()[-1] == rows["x"].max()
        assert line.get_ydata()[-1] == rows.groupby("run")["best"].min().median()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["random (2 runs)", "tpe (2 runs)"]


def test_runs_of_very_different_lengths_share_a_logarithmic_axis(table):
    spent = table["elapsed"].where(table["group"] == "tpe", table["elapsed"] * 1000)
    far = plots.plot_best_so_far(table.assign(elapsed=spent), plots.new_axes(), "seconds")
    near = plots.plot_best_so_far(table, plots.new_axes(), "seconds")
    assert (near.get_xscale(), far.get_xscale()) == ("linear", "log")


def test_a_ninth_group_has_the_colour_of_the_first_and_another_line():
    names = [str(k) for k in range(16)]
    colours, lines = colours_of(names), lines_of(names)
    assert colours["8"] == colours["0"]
    assert len({(colours[name], lines[name]) for name in names}) == 16


def test_a_log_that_does_not_tell_its_cost_is_named(original):
    ax = plots.plot_best_so_far(original, plots.new_axes(), "samples")
    assert "des (not told)" in [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("with_stopped", [False, True])
def test_boxes_stand_at_the_quartiles(original, with_stopped):
    ax = plots.plot_box(original, plots.new_axes(), with_stopped=with_stopped)
    found = report.strategy_statistics(original, with_stopped=with_stopped)
    boxes = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 5]
    np.testing.assert_allclose([box.min() for box in boxes], found["q1"])
    np.testing.assert_allclose([box.max() for box in boxes], found["q3"])
    counts = [label.get_text().split("n = ")[1] for label in ax.get_yticklabels()]
    assert counts == [str(n) for n in found["counted"]]


def test_failures_are_named_beside_the_box_and_crossed_in_the_row(table, one):
    ax = plots.plot_box(table, plots.new_axes())
    failed = report.strategy_statistics(table)["failed"]
    assert failed.sum() > 0
    for label, count in zip(ax.get_yticklabels(), failed, strict=True):
        assert label.get_text().endswith(f"{count} failed") == (count > 0)
    rows = table[(table["group"] == "random") & (table["run"] == "s0")]
    parts = plots.plot_evaluations(rows, plots.new_axes()).collections
    sizes = {part.get_label(): len(part.get_offsets()) for part in parts}
    assert sizes["trained"] == (rows["status"] == "trained").sum()
    assert sizes["stopped"] == (rows["status"] == "stopped").sum()
    assert sizes["failed"] == rows["value"].isna().sum()


def test_every_other_generation_is_shaded(original):
    des = original[original["group"] == "des"]
    ax = plots.plot_evaluations(des, plots.new_axes())
    edges = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
    assert edges == [(28 * k + 0.5, 28 * k + 28.5) for k in (1, 3, 5, 7)]
    grid = original[original["group"] == "grid"]
    assert not plots.plot_evaluations(grid, plots.new_axes()).patches


def test_a_density_for_each_generation_peaks_where_values_are(original):
    des = original[original["group"] == "des"]
    ax = plots.plot_population_density(des, plots.new_axes())
    assert [label.get_text() for label in ax.get_yticklabels()] == [str(k + 1) for k in range(8)]
    medians = des.groupby("generation")["value"].median()
    for curve, median in zip(ax.lines[::2], medians, strict=True):
        x, y = curve.get_data()
        assert abs(x[y.argmax()] - median) < 0.15


def test_spread_shows_the_statistics(original):
    des = original[original["group"] == "des"]
    ax = plots.plot_spread(des, plots.new_axes())
    spread = report.generation_statistics(des)
    shown = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_array_equal(shown["lr"], spread["spread:lr"])
    np.testing.assert_array_equal(shown["mean"], spread["spread"])


def test_the_area_of_halving_is_the_member_epochs(one):
    ax = plots.plot_halving(one, plots.new_axes())
    assert sum(p.get_width() * p.get_height() for p in ax.patches) == one["epochs"].sum()
    best = report.generation_statistics(one)["best"]
    assert [text.get_text() for text in ax.texts] == [f"{value:.3f}" for value in best]


def test_the_ledger_adds_up_to_the_mean_wall_time(runs):
    ledger = report.ledger_table(runs)
    ax = plots.plot_ledger(ledger, plots.new_axes())
    ends = [0.0, 0.0]
    for k, patch in enumerate(ax.patches):
        ends[k % 2] += patch.get_width()
    walls = ledger.groupby(["group", "run"])["wall_s"].sum().groupby("group").mean()
    np.testing.assert_allclose(ends, walls, rtol=0.1)


def test_parallel_lines_are_trials_the_best_on_top(original):
    des = original[original["group"] == "des"]
    ax = plots.plot_parallel(des, plots.new_axes())
    (bundle,) = [c for c in ax.collections if len(c.get_paths()) > 2]
    assert len(bundle.get_paths()) == 224
    best = des.loc[des["value"].idxmin()]
    lr = (best["unit:lr"] - des["unit:lr"].min()) / np.ptp(des["unit:lr"])
    assert ax.lines[0].get_ydata()[0] == pytest.approx(lr)
    assert bundle.get_array()[-1] == best["value"]


def test_parallel_lines_of_one_integer_meet(original):
    name = "resnet_out_channels_l0"
    des = original[original["group"] == "des"].sort_values("value", ascending=False)
    des = des.assign(**{name: des[name].round().astype(int)})  # their coordinates differ still
    ax = plots.plot_parallel(des, plots.new_axes())
    (bundle,) = [c for c in ax.collections if len(c.get_paths()) > 2]
    place = report.runs.hparams_of(des).index(name)
    heights = [path.vertices[place, 1] for path in bundle.get_paths()]
    tried = des[name].to_numpy()
    np.testing.assert_allclose(heights, (tried - tried.min()) / np.ptp(tried))


def test_learning_curves_are_the_epochs(runs, table):
    epochs = report.epochs_table(runs)
    ax = plots.plot_learning_curves(epochs, plots.new_axes())
    curves = [curve for part in ax.collections[::2] for curve in part.get_segments()]
    trials = [
        rows
        for _, group in epochs.dropna(subset="val_loss").groupby("group", sort=False)
        for _, rows in group.groupby(["run", "number"], sort=False)
    ]
    for curve, rows in zip(curves, trials, strict=True):
        np.testing.assert_array_equal(curve, rows[["epoch", "val_loss"]])
    bold = [line.get_ydata()[-1] for line in ax.lines]
    assert bold == [
        rows.loc[rows["epochs"] == 4, "val_loss"].min()
        for _, rows in table.groupby("group", sort=False)
    ]


def test_plots_of_one_search_refuse_two(table):
    for plot in (
        plots.plot_evaluations,
        plots.plot_population_density,
        plots.plot_spread,
        plots.plot_halving,
    ):
        with pytest.raises(ConfigError, match="random of s0, tpe of s0"):
            plot(table, plots.new_axes())
    with pytest.raises(ConfigError, match="did you mean 'lr'"):
        plots.plot_slice(table, plots.new_axes(), "lrr")


@pytest.mark.parametrize("rows", [0, 1])
def test_every_plot_bears_a_run_that_has_hardly_begun(runs, one, rows, tmp_path):
    few = one.head(rows).assign(value=np.nan, told=np.nan, status="diverged")
    epochs, ledger = report.epochs_table(runs).head(rows), report.ledger_table(runs).head(rows)
    drawn = [plot(few, plots.new_axes()) for plot in (
        plots.plot_box, plots.plot_time_per_evaluation, plots.plot_best_so_far,
        plots.plot_evaluations, plots.plot_population_density, plots.plot_spread,
        plots.plot_halving, plots.plot_parallel,
    )]  # fmt: skip
    drawn.append(plots.plot_slice(few, plots.new_axes(), "lr"))
    drawn.append(plots.plot_importances(report.hparam_importances(few), plots.new_axes()))
    drawn.append(plots.plot_learning_curves(epochs, plots.new_axes()))
    drawn.append(plots.plot_ledger(ledger, plots.new_axes()))
    for k, ax in enumerate(drawn):
        assert plots.save_axes(ax, tmp_path / f"{k}.png").stat().st_size > 0
    assert drawn[0].texts[0].get_text() == "no trial to show"


def test_files_are_the_same_each_time(one, tmp_path):
    for suffix in ("svg", "pdf", "png"):
        twice = [
            plots.save_axes(
                plots.plot_evaluations(one, plots.new_axes()), tmp_path / f"{k}.{suffix}"
            )
            for k in range(2)
        ]
        assert twice[0].read_bytes() == twice[1].read_bytes()


def test_scales_and_columns_of_numbers(table, original):
    assert log_if_wide([0.4, 2.3]) == "log"
    assert log_if_wide([0.4, 0.9]) == log_if_wide([0, 100]) == log_if_wide([]) == "linear"
    assert as_numbers(table["mlp_bn_l0"]) is None  # booleans
    assert as_numbers(original["mlp_bn_l0"]).between(0, 1).all()  # booleans and numbers


def test_no_pyplot_and_the_users_style_stays(original, tmp_path):
    table = tmp_path / "table.pkl"
    original.to_pickle(table)
    code = (
        "import matplotlib as mpl\n"
        "import pandas as pd, hptjax.report.plots as plots\n"
        "before = dict(mpl.rcParams)\n"
        f"table = pd.read_pickle({str(table)!r})\n"
        f"plots.save_axes(plots.plot_box(table, plots.new_axes()), {str(tmp_path / 'a.png')!r})\n"
        "same = dict(mpl.rcParams) == before\n"
        "import matplotlib.pyplot as plt\n"
        "print(plt.get_fignums(), same)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True"]


def test_every_public_name_is_where_the_package_says():
    for name in plots._HOMES:
        assert getattr(plots, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'plot_boxes'"):
        getattr(plots, "plot_boxes")  # noqa: B009 - the checker knows that it is missing
