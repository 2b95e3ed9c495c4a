"""The codec between one hparam and the unit interval, its limits, and what an entry refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from hptjax.errors import ConfigError
from hptjax.space import Categorical, Float, Integer, from_unit, to_unit

UNIT = st.floats(0, 1)


@st.composite
def floats(draw):
    log = draw(st.booleans())
    low = draw(st.floats(1e-6, 10) if log else st.floats(-10, 10))
    return Float(low, low + draw(st.floats(1e-3, 10)), log=log)


@st.composite
def integers(draw):
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -50, 50))
    step = 1 if log else draw(st.integers(1, 7))
    return Integer(low, low + step * draw(st.integers(0, 60)), step=step, log=log)


@st.composite
def categoricals(draw):
    value = st.one_of(st.booleans(), st.integers(-3, 300), st.sampled_from(["relu", "same"]))
    choices = draw(st.lists(value, min_size=1, unique_by=lambda v: (type(v), v)))
    return Categorical(choices)


ENTRIES = st.one_of(floats(), integers(), categoricals())


@given(ENTRIES, UNIT)
def test_decoding_what_was_encoded_gives_the_very_same_value(entry, u):
    value = from_unit(entry, u)
    again = from_unit(entry, to_unit(entry, value))
    assert again == value
    assert type(again) is type(value)


@given(st.one_of(floats(), integers()), UNIT)
def test_decoded_numbers_are_in_bounds_and_on_the_lattice(entry, u):
    value = from_unit(entry, u)
    assert entry.low <= value <= entry.high
    if isinstance(entry, Integer):
        assert (value - entry.low) % entry.step == 0


@given(ENTRIES, UNIT, UNIT)
def test_decoding_is_monotone(entry, u, v):
    u, v = sorted((u, v))
    low, high = (from_unit(entry, point) for point in (u, v))
    if isinstance(entry, Categorical):  # by position: False == 0, and both may be choices
        low, high = (entry.to_unit(choice) for choice in (low, high))
    assert low <= high


@given(ENTRIES, st.floats(allow_nan=False))
def test_coordinates_outside_the_unit_interval_are_clipped(entry, u):
    assert from_unit(entry, u) == from_unit(entry, min(max(u, 0.0), 1.0))


@pytest.mark.parametrize("entry", [Float(0, 1), Integer(0, 1), Categorical((1, 2))])
def test_nan_is_refused(entry):
    with pytest.raises(ConfigError, match="got nan"):
        from_unit(entry, math.nan)


@pytest.mark.parametrize(
    "entry",
    [Integer(1, 3), Integer(8, 24), Integer(0, 30, step=10), Categorical(("a", "b", "c"))],
)
def test_integers_and_choices_have_equal_shares(entry):
    u = np.random.default_rng(0).random(20_000)
    _, counts = np.unique([from_unit(entry, x) for x in u], return_counts=True)
    assert len(counts) == len(entry)
    assert chisquare(counts).pvalue > 0.01


def test_plain_rounding_would_not_pass_for_equal_shares():
    u = np.random.default_rng(0).random(20_000)
    _, counts = np.unique(np.round(1 + 2 * u), return_counts=True)
    assert chisquare(counts).pvalue < 1e-6


def test_log_scales_make_ratios_equally_likely():
    u = np.random.default_rng(0).random(5_000)
    lr = np.array([Float(1e-4, 1e-1, log=True).from_unit(x) for x in u])
    assert kstest(np.log10(lr), "uniform", args=(-4, 3)).pvalue > 0.01
    entry = Integer(1, 64, log=True)
    values = np.array([entry.from_unit(x) for x in u])
    share = {v: math.log((v + 0.5) / (v - 0.5)) / math.log(64.5 / 0.5) for v in (1, 2, 8)}
    for value, expected in share.items():
        assert np.mean(values == value) == pytest.approx(expected, abs=0.02)


def test_a_boolean_tuned_as_a_number_is_true_from_one_half():
    flag = Categorical((False, True))
    assert [flag.from_unit(u) for u in (0.0, 0.49, 0.5, 1.0)] == [False, False, True, True]
    assert flag.to_unit(0.51) == 0.51  # the original's DES start
    assert flag.from_unit(flag.to_unit(0.51)) is True
    assert [flag.check(v) for v in (0, 1, 0.0207, 0.675)] == [False, True, False, True]
    assert Categorical((True, False)).check(0.51) is True


def test_a_fractional_start_value_keeps_its_place():
    entry = Integer(1, 3)
    assert entry.to_unit(2) == 0.5
    assert entry.to_unit(2.25) == pytest.approx(0.5 + 0.25 / 3)
    assert entry.from_unit(entry.to_unit(2.25)) == 2


def test_true_is_not_one():
    assert Categorical((0, 1, True)).check(True) is True
    assert Categorical((0, 1, True)).check(1) is not True
    with pytest.raises(ConfigError, match=r"must be one of 64, 128, got True"):
        Categorical((64, 128)).check(True)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Float(2, 1), "low must be <= high, got low=2, high=1"),
        (lambda: Float(0, math.inf), "finite numbers"),
        (lambda: Float(0, 1, log=True), "log scale needs low > 0, got low=0"),
        (lambda: Float(0, 1, grid=[0.5, 2]), r"must be a number in \[0.0, 1.0\], got 2"),
        (lambda: Float(0, 1, grid=[0.5, 0.5]), "not repeat"),
        (lambda: Float(0, 1, grid=[]), "at least one value"),
        (lambda: Integer(1.5, 3), "must be integers"),
        (lambda: Integer(True, 3), "must be integers"),
        (lambda: Integer(8, 25, step=4), "use high=24"),
        (lambda: Integer(1, 3, step=0), "step must be an integer >= 1"),
        (lambda: Integer(2, 8, step=2, log=True), "log scale needs step 1"),
        (lambda: Integer(0, 8, step=4, grid=[3]), "steps of 4, got 3"),
        (lambda: Categorical([]), "at least one value"),
        (lambda: Categorical("ab"), "must be a list"),
        (lambda: Categorical([1, 1]), "not repeat"),
        (lambda: Categorical([None]), "boolean, number or text, got None"),
        (lambda: Categorical([[1]]), r"boolean, number or text, got \[1\]"),
        (lambda: Categorical(b"ab"), "choices must be a list"),
        (lambda: Categorical([1, 1.0]), "not repeat"),
        (lambda: Categorical(range(10**9)), "at most 10000 values"),
        (lambda: Categorical(["a"], grid=[{}]), "a grid value must be one of a, got {}"),
        (lambda: Float(0, 1, grid=[[0.5]]), r"a grid value must be a number .* got \[0.5\]"),
        (lambda: Float(0, 1, grid=[1, 1.0]), "not repeat"),
        (lambda: Float(-1e308, 1), r"within \+-1e300, got low=-1e\+308"),
        (lambda: Float(0, 10**5000), "high=<int that cannot be shown>"),
        (lambda: Float(0, np.longdouble("1e400")), "high=inf"),
        (lambda: Integer(0, 10**30), r"within \+-2\*\*53 .* got low=0, high=10{30}"),
        (lambda: Integer(0, 2**51), "at most 2.*50 values .* use a larger step"),
        (lambda: Integer(1, 2**41, log=True), r"high <= 2\*\*40"),
        (lambda: Integer(0, 8, log="no"), "log must be true or false, got 'no'"),
        (lambda: Integer(0, 8, step=[2]), r"step must be an integer >= 1, got \[2\]"),
    ],
)
def test_nonsense_is_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


def test_numpy_scalars_are_numbers():
    assert Integer(np.int8(-100), np.int8(100)) == Integer(-100, 100)  # their difference is no int8
    assert Float(np.float32(0.5), np.int64(2), log=np.bool_(True)) == Float(0.5, 2, log=True)
    entry = Categorical([np.int64(64), np.str_("same"), np.bool_(True)])
    assert list(map(type, entry.choices)) == [int, str, bool]
    assert entry.check(np.int8(64)) == 64


@pytest.mark.parametrize(
    "entry",
    [
        Float(-1e300, 1e300),
        Float(5e-324, 1e300, log=True),
        Float(1, 1 + 1e-13),
        Float(1, 1 + 1e-9, log=True),
        Float(0, 1e-315),
        Integer(-(2**53), 2**53, step=2**10),
        Integer(2**53 - 2**50 + 1, 2**53),
        Integer(1, 2**40, log=True),
        Integer(2**40 - 1000, 2**40, log=True),
    ],
)
def test_ranges_at_the_limits_are_spread_evenly(entry):
    u = np.linspace(0, 1, 101)
    values = [entry.from_unit(x) for x in u]
    assert len(set(values)) > 50
    assert [entry.from_unit(entry.to_unit(value)) for value in values] == values
    if not (isinstance(entry, Integer) and entry.log):  # there the values themselves are uneven
        assert [entry.to_unit(value) for value in values] == pytest.approx(u, abs=0.01)
