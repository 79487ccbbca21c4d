"""One thread for matrix products, wherever last bits would depend on their number."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from simsepsis import analyze, fit_gee, fit_logistic, generate_cohort, run_method, true_estimands
from simsepsis.threads import one_thread, side_by_side
from simsepsis.world.files import load_scenario


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_a_block_has_one_thread_and_gives_back_what_there_was():
    with threadpool_limits(limits=2):
        before = blas_threads()
        with one_thread():
            with one_thread():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == before


def test_a_failure_gives_back_what_there_was():
    with threadpool_limits(limits=2):
        before = blas_threads()
        with pytest.raises(ZeroDivisionError), one_thread():
            raise ZeroDivisionError
        assert blas_threads() == before


def test_blocks_that_overlap_in_time_keep_one_thread_until_the_last_one_ends():
    entered, leave = threading.Barrier(2), threading.Event()

    def stay() -> set[int]:
        with one_thread():
            entered.wait()
            leave.wait()
            return blas_threads()

    with threadpool_limits(limits=2), ThreadPoolExecutor(1) as pool:
        before = blas_threads()
        with one_thread():
            other = pool.submit(stay)
            entered.wait()
        leave.set()
        assert other.result() == {1}
        assert blas_threads() == before


def test_parts_come_back_in_their_order_and_with_their_errors():
    def work(part: int) -> float:
        return 12 / part

    assert side_by_side(work, [4, 3, 2]) == [3.0, 4.0, 6.0]
    assert side_by_side(work, [3]) == [4.0]
    with pytest.raises(ZeroDivisionError):
        side_by_side(work, [3, 0])


def bits(value) -> list[bytes]:
    """Return the bits of the numbers of a table or an array, and the text beside them."""
    if isinstance(value, pd.DataFrame):
        columns = value.drop(columns="seconds", errors="ignore")
        return [b for name in columns for b in bits(columns[name].to_numpy())]
    return [np.asarray(value).tobytes() if np.asarray(value).dtype != object else repr(list(value)).encode()]


@pytest.fixture(scope="module")
def large(registry_of):
    return registry_of(seed=3, n=2000)


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(40_000), rng.normal(size=(40_000, 20))])
    return design, (rng.random(40_000) < 0.3).astype(float), np.repeat(np.arange(400), 100)


def of_analysis(found):
    return [one for name in ("estimates", "models", "score") for one in bits(getattr(found, name))]


VERBS = {
    "analyze": lambda large, _: of_analysis(analyze(large, seed=1)),
    "iptw": lambda large, _: bits(run_method("iptw", large, seed=1)),
    "logistic": lambda large, _: bits(run_method("logistic", large, seed=1)),
    "fit_gee": lambda _, arrays: bits(fit_gee(*arrays).params),
    "fit_logistic": lambda _, arrays: bits(fit_logistic(*arrays[:2]).params),
    "generate_cohort": lambda *_: bits(generate_cohort(load_scenario("thesis"), seed=1, n=9000).registry),
    "true_estimands": lambda *_: bits(true_estimands(load_scenario("thesis"), population=9000, seed=1)),
}


@pytest.mark.parametrize("verb", VERBS)
def test_bits_do_not_depend_on_the_number_of_threads(verb, large, arrays):
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            found.append(VERBS[verb](large, arrays))
    assert found[0] == found[1]
