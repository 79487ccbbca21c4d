"""A cluster of this machine in place of worker processes: the same bits."""

import os
import signal
import warnings

import pandas as pd
import pytest

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.experiment import open_run, run_experiment
from simsepsis.replication import run_batches


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


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        (dies_at_three, ExperimentError, "a worker process was killed"),
        (refuses_at_three, UsageError, "x = 3: give another"),
    ],
)
@pytest.mark.filterwarnings("default")
def test_what_goes_wrong_in_a_cluster_ends_the_run_with_its_sentence(task, error, words):
    pytest.importorskip("distributed")
    with pytest.raises(error, match=words):
        list(run_batches(task, range(8), jobs=2, backend="dask"))
