"""A cluster of this machine in place of worker processes: the same bits.

The fast share gives a task up when the first worker dies of it, the slow one after as many as dask lets die.
"""

import os
import signal
import warnings

import pandas as pd
import pytest

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.experiment import open_run, run_experiment
from simsepsis.replication import open_workers


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
# Both leave sockets to the garbage collector, and warn of what concerns their own developers.
@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_same_bits_as_one_process(quick_plan, tmp_path, backend, package):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(package)
    plan = quick_plan()
    run_experiment(plan, tmp_path / "here", jobs=1)
    assert run_experiment(plan, tmp_path / "there", jobs=2, backend=backend).computed == 12
    one, other = (open_run(tmp_path / name).rows().drop(columns="seconds") for name in ("here", "there"))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    for name in ("performance.csv", "truth.parquet"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def dies_at_three(x: int) -> int:
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def refuses_at_three(x: int) -> int:
    if x == 3:
        raise UsageError("x = 3: give another")
    return x


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("deaths", [0, pytest.param(3, marks=pytest.mark.slow)])
def test_what_goes_wrong_in_a_cluster_ends_the_run_with_its_sentence(deaths):
    pytest.importorskip("distributed")
    config = pytest.importorskip("dask").config
    patience = {"distributed.scheduler.allowed-failures": deaths}
    with config.set(patience), open_workers(jobs=2, backend="dask") as workers:
        assert sorted(workers.spread(abs, range(-5, 1))) == [0, 1, 2, 3, 4, 5]
        for task, error, words in (
            (refuses_at_three, UsageError, "x = 3: give another"),
            (dies_at_three, ExperimentError, "a worker process was killed"),
        ):
            with pytest.raises(error, match=words):
                list(workers.spread(task, range(8)))
