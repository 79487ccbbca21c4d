"""A cluster of this machine in place of worker processes: the same bits."""

import warnings

import pandas as pd
import pytest

from simsepsis.experiment import open_run, run_experiment


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
