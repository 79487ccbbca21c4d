import gc
import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from simsepsis.errors import DataError, UsageError
from simsepsis.replication import ReplicateError, run_replicates
from simsepsis.streams import stream


def draw(replicate: int) -> tuple[int, float]:
    return replicate, float(stream(7, "patients", replicate=replicate).random())


def blas_threads(replicate: int) -> tuple[int, set[int]]:
    np.ones((2, 2)) @ np.ones((2, 2))
    pools = threadpool_info()
    return os.getpid(), {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


def fails_at_three(replicate: int) -> int:
    if replicate == 3:
        raise ValueError("a bad number")
    return replicate


def refuses_at_three(replicate: int) -> int:
    if replicate == 3:
        raise DataError("cohort.csv: column 'apache2' is missing")
    return replicate


def frozen(replicate: int) -> tuple[int, int]:
    return os.getpid(), gc.get_freeze_count()


def test_workers_spare_the_garbage_collector_and_the_users_process_is_left_alone():
    before = gc.get_freeze_count()
    assert all(count > 10_000 for _, count in run_replicates(frozen, 4, jobs=2))
    assert {count for _, count in run_replicates(frozen, 2, jobs=1)} == {before}


@pytest.mark.parametrize("n", [1, 2, 7, 53])
def test_results_are_in_replicate_order_and_the_same_for_any_number_of_workers(n):
    alone = run_replicates(draw, n, jobs=1)
    assert [replicate for replicate, _ in alone] == list(range(n))
    assert run_replicates(draw, n, jobs=2) == alone


def test_more_replicates_keep_the_first_ones():
    assert run_replicates(draw, 9, jobs=1)[:4] == run_replicates(draw, 4, jobs=1)


def test_workers_are_other_processes():
    processes = {process for process, _ in run_replicates(blas_threads, 8, jobs=2)}
    assert os.getpid() not in processes


def test_one_job_stays_in_this_process():
    assert {process for process, _ in run_replicates(blas_threads, 3, jobs=1)} == {os.getpid()}


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_replicate_has_one_blas_thread(jobs):
    # Two threads in one process add matrix products in another order than one: other last bits.
    with threadpool_limits(limits=2):
        assert [threads for _, threads in run_replicates(blas_threads, 4, jobs=jobs)] == [{1}] * 4


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_rises_to_the_total(jobs):
    calls: list[tuple[int, int]] = []
    run_replicates(draw, 45, jobs=jobs, progress=lambda done, total: calls.append((done, total)))
    done = [first for first, _ in calls]
    assert done == sorted(set(done))
    assert calls[-1] == (45, 45)
    assert len(calls) >= 10


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_defect_names_its_replicate(jobs):
    with pytest.raises(ReplicateError, match="replicate 3: ValueError: a bad number"):
        run_replicates(fails_at_three, 6, jobs=jobs)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_refusal_keeps_its_kind_and_names_its_replicate(jobs):
    with pytest.raises(DataError, match=r"replicate 3: cohort\.csv"):
        run_replicates(refuses_at_three, 6, jobs=jobs)


@pytest.mark.parametrize("jobs", [0, -2, 1.5, True])
def test_impossible_numbers_of_jobs_are_refused(jobs):
    with pytest.raises(UsageError, match="give a number of worker processes"):
        run_replicates(draw, 3, jobs=jobs)


@pytest.mark.parametrize("n", [0, -5, 2.5])
def test_impossible_numbers_of_replicates_are_refused(n):
    with pytest.raises(UsageError, match="whole number of 1 or more"):
        run_replicates(draw, n, jobs=1)
