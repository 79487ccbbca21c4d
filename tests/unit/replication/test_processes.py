"""Worker processes: where they listen, and that they end with the process that started them."""

import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")
LISTENS = "0A"


def family(process: int) -> list[int]:
    """Return a process and all that it has started, and these."""
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def listening() -> dict[str, str]:
    """Return the sockets of this machine that listen, by their numbers: hexadecimal addresses."""
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        if Path(f"/proc/net/{name}").exists()
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {fields[9]: fields[1].partition(":")[0] for fields in lines if fields[3] == LISTENS}


def is_loopback(address: str) -> bool:
    words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
    kind = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(kind, b"".join(words)).removeprefix("::ffff:") in ("127.0.0.1", "::1")


def addresses(process: int) -> set[str]:
    """Return where a process and its family listen."""
    known, found = listening(), set()
    for one in family(process):
        for handle in Path(f"/proc/{one}/fd").iterdir():
            try:
                name = os.readlink(handle)
            except OSError:
                continue
            number = name.removeprefix("socket:[").removesuffix("]")
            found |= {known[number]} if number in known else set()
    return found


WAITING = """
import sys
from simsepsis.replication import open_workers

if __name__ == "__main__":
    with open_workers(jobs=2, backend="{backend}") as workers:
        print(sorted(workers.spread(abs, range(-3, 0))), flush=True)
        sys.stdin.read()
"""


@needs_proc
@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_cluster_of_this_machine_listens_to_this_machine_only(tmp_path, backend, package):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    (tmp_path / "waiting.py").write_text(WAITING.format(backend=backend))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-W", "ignore", "waiting.py"], cwd=tmp_path, **pipes) as process:
        assert process.stdout.readline() == b"[1, 2, 3]\n"
        found = addresses(process.pid)
        process.communicate()
    assert found
    assert all(is_loopback(address) for address in found)


def test_what_listens_everywhere_is_seen():
    with socket.create_server(("0.0.0.0", 0)), socket.create_server(("127.0.0.1", 0)):
        found = addresses(os.getpid())
    assert sorted(is_loopback(address) for address in found) == [False, True]


ENDLESS = """
import time
from simsepsis.replication import run_batches

def wait(batch):
    # One write, so that the lines of several workers do not mix.
    print("at work\\n", end="", flush=True)
    time.sleep(600 if batch else 0)

if __name__ == "__main__":
    list(run_batches(wait, range(3), jobs=2, backend="{backend}"))
"""


@needs_proc
@pytest.mark.parametrize("backend", ["loky", pytest.param("dask", marks=pytest.mark.slow)])
def test_workers_end_with_a_main_process_that_is_killed(tmp_path, backend):
    if backend == "dask":
        pytest.importorskip("distributed")
    (tmp_path / "endless.py").write_text(ENDLESS.format(backend=backend))
    process = subprocess.Popen([sys.executable, "endless.py"], cwd=tmp_path, stdout=subprocess.PIPE)
    for _ in range(2):
        assert process.stdout.readline() == b"at work\n"
    workers = family(process.pid)[1:]
    assert len(workers) >= 2
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60
    while left := [worker for worker in workers if is_alive(worker)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    process.stdout.close()


def is_alive(process: int) -> bool:
    """Return whether a process runs; one that has ended and was not asked for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
