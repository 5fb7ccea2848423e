"""What is bound around the work is known within it, in its threads too, and nowhere else."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from common.trail import bound, current, of_error, submit


def test_names_are_bound_for_a_block() -> None:
    with bound(run=1, job="monthly-billing", actor=None):
        with bound(item="org_1", run=2):
            assert current() == {"run": 2, "job": "monthly-billing", "item": "org_1"}
        assert current() == {"run": 1, "job": "monthly-billing"}
    assert current() == {}


def test_what_raises_leaves_nothing_behind() -> None:
    with pytest.raises(ValueError, match="no"), bound(run=1):
        raise ValueError("no")
    assert current() == {}


def test_threads_of_a_pool_take_it_along() -> None:
    with ThreadPoolExecutor(1) as pool:
        with bound(run=1):
            taken = submit(pool, lambda: dict(current()))
            not_taken = pool.submit(lambda: dict(current()))
        assert (taken.result(), not_taken.result()) == ({"run": 1}, {})
        assert pool.submit(lambda: dict(current())).result() == {}


def test_an_exception_takes_along_what_was_bound_where_it_was_raised() -> None:
    with pytest.raises(ValueError, match="no") as outside, bound(run=1, item="org_1"), bound(step="email"):
        raise ValueError("no")
    assert of_error(outside.value) == {"run": 1, "item": "org_1", "step": "email"}
    with bound(run=2):
        assert of_error(outside.value) == {"run": 2, "item": "org_1", "step": "email"}
    assert of_error(None) == of_error(ValueError("elsewhere")) == {}
