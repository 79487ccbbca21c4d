"""Run a plan on workers of two hosts with networks of their own, cut one off in the middle, compare the bits.

    pip install '.[dask,ray]'
    python tests/cluster/two_hosts.py [dask] [ray]

By hand as root on Linux: hosts are network namespaces, which reach this machine and each other by a bridge
only. Says what was compared; ends with 1 where anything differs.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from killed_runs import PATIENCE, PLAN, said, simsepsis, stored, tables, wait_for

BRIDGE, HERE = "simsepsis0", "10.77.0.1"
HOSTS = {"simsepsis-a": "10.77.0.2", "simsepsis-b": "10.77.0.3"}
BIN = Path(sys.executable).parent


def main() -> int:
    """Compare runs on dask and ray that lost a host with one in a single process."""
    with tempfile.TemporaryDirectory() as name, network():
        folder = Path(name)
        simsepsis("run", *PLAN, "--jobs", "1", "--out", str(folder / "alone"))
        same = {}
        for backend in sys.argv[1:] or CLUSTERS:
            out = folder / backend
            with CLUSTERS[backend](folder) as address:
                lose_a_host(backend, address, out)
            simsepsis("verify", str(out))
            same[backend] = tables(out) == tables(folder / "alone")
    for backend, equal in same.items():
        print(f"{backend}, two hosts, one of them lost: {'the same bits' if equal else 'OTHER BITS'}")
    return 0 if all(same.values()) else 1


def lose_a_host(backend: str, address: str, out: Path) -> None:
    """Run the plan; once batches are stored, pull a host's cable; where the run gives up, send it again."""
    place = ["--backend", backend, "--scheduler", address, "--out", str(out)]
    command = [sys.executable, "-m", "simsepsis", "run", *PLAN, *place]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for(lambda: stored(out) > 0, "stored batches")
    lost = next(iter(HOSTS))
    ip("link", "set", f"{lost}-0", "down")
    print(f"{backend}: {lost} cut off with {stored(out)} batches stored")
    if run.wait(timeout=PATIENCE) != 0:
        print(f"{backend}: the run ended; sent again")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    ip("link", "set", f"{lost}-0", "up")


def ip(*words: str) -> None:
    """Change the network."""
    subprocess.run(["ip", *words], check=True)


@contextmanager
def network() -> Iterator[None]:
    """Have a bridge, and hosts that reach it; take all of it away at the end."""
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("address", "add", f"{HERE}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for host, address in HOSTS.items():
            ip("netns", "add", host)
            ip("link", "add", f"{host}-0", "type", "veth", "peer", "name", "eth0", "netns", host)
            ip("link", "set", f"{host}-0", "master", BRIDGE, "up")
            ip("-n", host, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "link", "set", "lo", "up")
        yield
    finally:
        for host in HOSTS:
            said("ip", "netns", "delete", host)
        said("ip", "link", "delete", BRIDGE)


@contextmanager
def running(log: Path, *command: str | Path, host: str | None = None) -> Iterator[None]:
    """Have a program that runs on a host, or here; end it and what it started."""
    place = ["ip", "netns", "exec", host] if host else []
    with log.open("wb") as file:
        process = subprocess.Popen([*place, *map(str, command)], stdout=file, stderr=file, process_group=0)
    try:
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=60)


@contextmanager
def dask_cluster(folder: Path) -> Iterator[str]:
    """Start a scheduler here and a worker of one thread on each host."""
    address = f"tcp://{HERE}:8786"
    with ExitStack() as stack:
        scheduler = [BIN / "dask", "scheduler", "--host", HERE, "--port", "8786", "--no-dashboard"]
        stack.enter_context(running(folder / "scheduler.log", *scheduler))
        for host in HOSTS:
            worker = [BIN / "dask", "worker", address, "--nthreads", "1", "--no-dashboard"]
            own = ["--local-directory", folder / host, "--death-timeout", "60"]
            stack.enter_context(running(folder / f"{host}.log", *worker, *own, host=host))
        logs = [folder / f"{host}.log" for host in HOSTS]
        wait_for(has_all(logs, "Registered to"), "two dask workers")
        yield address


def has_all(logs: list[Path], words: str) -> Callable[[], bool]:
    """Return whether all logs have some words, as a question to be asked again; end where one failed."""

    def holds() -> bool:
        texts = [log.read_text(encoding="utf-8") for log in logs]
        failed = next((text for text in texts if "Traceback" in text), None)
        if failed is not None:
            raise SystemExit(failed)
        return all(words in text for text in texts)

    return holds


@contextmanager
def ray_cluster(folder: Path) -> Iterator[str]:
    """Start a head without workers here and a node of one processor on each host; all know one token."""
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ |= {"RAY_raylet_start_wait_time_s": str(PATIENCE)}
    start = [BIN / "ray", "start", "--block", "--disable-usage-stats"]
    address = f"{HERE}:6379"
    with ExitStack() as stack:
        head = ["--head", f"--node-ip-address={HERE}", "--port=6379", "--num-cpus=0"]
        more = ["--include-dashboard=false", f"--temp-dir={folder / 'head'}"]
        stack.enter_context(running(folder / "head.log", *start, *head, *more))
        wait_for(has_all([folder / "head.log"], "Ray runtime started"), "the ray head")
        for host, own in HOSTS.items():
            node = [f"--address={address}", f"--node-ip-address={own}", "--num-cpus=1"]
            stack.enter_context(running(folder / f"{host}-ray.log", *start, *node, host=host))
        logs = [folder / f"{host}-ray.log" for host in HOSTS]
        wait_for(has_all(logs, "Ray runtime started"), "two ray nodes")
        yield address


CLUSTERS = {"dask": dask_cluster, "ray": ray_cluster}

if __name__ == "__main__":
    sys.exit(main())
