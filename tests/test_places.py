"""Calls that are made at the same time: results in order, errors, Ctrl-C."""

import _thread
import time

import jax
import pytest

from hptjax.devices import available_cores
from hptjax.population.places import places_for, side_by_side


def test_results_come_in_the_order_of_the_calls():
    def call(k):
        time.sleep(0.02 * (3 - k))
        return k

    assert side_by_side([lambda k=k: call(k) for k in range(4)]) == [0, 1, 2, 3]
    assert side_by_side([lambda k=k: call(k) for k in range(4)], 4) == [0, 1, 2, 3]
    assert side_by_side([]) == []


def test_the_first_error_is_raised_when_all_calls_have_ended():
    ended = []

    def fail():
        raise ValueError("no such luck")

    def work():
        time.sleep(0.1)
        ended.append(True)

    with pytest.raises(ValueError, match="no such luck"):
        side_by_side([fail, work])
    assert ended == [True]


def test_ctrl_c_waits_for_programs_that_run():
    ended = []

    def interrupt():
        time.sleep(0.05)
        _thread.interrupt_main()
        time.sleep(0.2)
        ended.append("first")

    def work():
        time.sleep(0.4)
        ended.append("second")

    with pytest.raises(KeyboardInterrupt):
        side_by_side([interrupt, work])
    assert ended == ["first", "second"]


def test_places_are_the_cores_of_the_first_device_or_those_that_are_given():
    first, second = jax.devices()[:2]
    assert places_for() == (first,) * available_cores()
    assert places_for(capacity=1) == (first,)
    assert places_for([second, first, first], capacity=2) == (second, first)
