"""Run a plan on a one-node Slurm, kill its job in the middle, and compare the bits; run by hand as root.

    apt-get install slurm-wlm munge && pip install '.[dask]' dask-jobqueue
    python tests/cluster/slurm.py

The recipe is the one of experiments/README.md, with this machine's numbers in it. Daemons, keys and runs
live in a temporary folder. Says what was compared; ends with 1 where anything differs.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from killed_runs import PATIENCE, PLAN, said, simsepsis, stored, tables, wait_for

ROOT = Path(__file__).resolve().parents[2]
MUNGE = ("key-file", "socket", "pid-file", "seed-file", "log-file")
CONFIGURATION = """\
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
KillWait=10
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=4096 State=UNKNOWN
PartitionName=normal Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def main() -> int:
    """Compare three runs that were killed on Slurm with one in a single process."""
    with tempfile.TemporaryDirectory() as name, slurm(Path(name)) as folder:
        alone = folder / "alone"
        simsepsis("run", *PLAN, "--jobs", "1", "--out", str(alone))
        results = {
            "one job, killed and sent again": one_job(folder / "one-job"),
            "dask workers of a job, killed and sent again": dask_workers(folder, folder / "dask"),
        }
        same = {what: tables(run) == tables(alone) for what, run in results.items()}
    for what, equal in same.items():
        print(f"{what}: {'the same bits' if equal else 'OTHER BITS'}")
    return 0 if all(same.values()) else 1


@contextmanager
def slurm(folder: Path) -> Iterator[Path]:
    """Start munge and a Slurm of one node; stop them at the end."""
    for part in ("state", "spool"):
        (folder / part).mkdir()
    text = CONFIGURATION.format(folder=folder, host=socket.gethostname(), cores=os.cpu_count())
    (folder / "slurm.conf").write_text(text, encoding="utf-8")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    key = folder / "munge.key-file"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    daemons = [
        ["munged", "--foreground", "--force", *(f"--{part}={folder}/munge.{part}" for part in MUNGE)],
        ["slurmctld", "-D"],
        ["slurmd", "-D", "-N", socket.gethostname()],
    ]
    running = []
    try:
        for number, command in enumerate(daemons):
            with (folder / f"daemon{number}.log").open("wb") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=log))
            time.sleep(2.0)
        wait_for(lambda: "idle" in said("sinfo", "--noheader", "--format=%T"), "a node that is idle")
        yield folder
    finally:
        for daemon in reversed(running):
            daemon.terminate()
            daemon.wait(timeout=30)


def one_job(out: Path) -> Path:
    """Run the plan as one job on the cores of a node; end the job in the middle, and send it again."""
    command = f"{sys.executable} -m simsepsis run {' '.join(PLAN)} --jobs {os.cpu_count()} --out {out}"
    sent = [
        "sbatch",
        "--parsable",
        f"--cpus-per-task={os.cpu_count()}",
        f"--output={out}.log",
        "--wrap",
        command,
    ]
    first = said(*sent).strip()
    wait_for(lambda: stored(out) > 0, "stored batches")
    said("scancel", first)
    wait_for(lambda: first not in said("squeue", "--noheader", "--format=%i"), "the job's end")
    print(f"one job: ended with {stored(out)} batches stored")
    second = said(*sent).strip()
    wait_for(lambda: second not in said("squeue", "--noheader", "--format=%i"), "the second job's end")
    return out


def dask_workers(folder: Path, out: Path) -> Path:
    """Run the plan on workers of the README's recipe; kill their job in the middle, and start both again."""
    script = folder / "slurm_cluster.py"
    script.write_text(recipe(), encoding="utf-8")
    with cluster(script, folder / "address") as address:
        run = subprocess.Popen(run_on(address, out))
        wait_for(lambda: stored(out) > 0, "stored batches")
        said("scancel", "--signal=KILL", "--full", "--user=root")
        time.sleep(5.0)
        run.send_signal(signal.SIGINT)
        run.wait(timeout=PATIENCE)
        print(f"dask workers: ended with {stored(out)} batches stored")
    with cluster(script, folder / "address") as address:
        subprocess.run(run_on(address, out), check=True)
    simsepsis("verify", str(out))
    return out


def recipe() -> str:
    """Return the script of the README with this machine's numbers in it."""
    text = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(# slurm_cluster\.py\n.*?)```", text, re.DOTALL)
    if block is None:
        raise SystemExit("experiments/README.md has no block that begins with '# slurm_cluster.py'")
    cores = os.cpu_count()
    activate = Path(sys.executable).parent / "activate"
    changes = {
        r"cores=32": f"cores={cores}",
        r"processes=32": f"processes={cores}",
        r"64GB": "2GB",
        r"source ~/simsepsis/\.venv/bin/activate": f"source {activate}",
        r"jobs=8": "jobs=1",
    }
    found = block[1]
    for old, new in changes.items():
        found, count = re.subn(old, new, found)
        if count != 1:
            raise SystemExit(f"the recipe of experiments/README.md has '{old}' {count} times, not once")
    return found


@contextmanager
def cluster(script: Path, address: Path) -> Iterator[str]:
    """Start the recipe; give the scheduler's address."""
    with address.open("wb") as written:
        process = subprocess.Popen([sys.executable, str(script)], stdout=written, cwd=script.parent)
    try:
        wait_for(lambda: address.read_text(encoding="utf-8").startswith("tcp://"), "the scheduler's address")
        yield address.read_text(encoding="utf-8").split()[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        said("scancel", "--user=root")


def run_on(address: str, out: Path) -> list[str]:
    """Return the command that runs the plan on a scheduler."""
    place = ["--backend", "dask", "--scheduler", address, "--out", str(out)]
    return [sys.executable, "-m", "simsepsis", "run", *PLAN, *place]


if __name__ == "__main__":
    sys.exit(main())
