"""What one command costs, measured from outside: time on the wall, processor time and memory of all its processes.

The driver makes itself the parent of whatever its children leave behind, so a cluster that a command starts is counted
with it. Linux only."""

import ctypes
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.02


@dataclass(frozen=True)
class Cost:
    """`wall` and `cpu` in seconds, `memory` in bytes: the highest sum of resident memory over the processes."""

    wall: float
    cpu: float
    memory: int


class Failed(Exception):
    """A command ended badly; the text is the end of what it said."""


def adopt_orphans() -> None:
    """From now on processes whose parent ended become ours."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            pass  # It ended while we looked.
    return found + [grandchild for child in found for grandchild in children(child)]


def resident(pid: int) -> tuple[int, int]:
    """Resident bytes of a process, now and at most so far. The system's own count at the end (`ru_maxrss`) would begin with
    the memory of this driver, from which every command is forked."""
    try:
        said = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return tuple(int(said[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):
        return 0, 0  # It ended while we looked.


def has_begun(pid: int) -> bool:
    """Whether a child runs its own program: between fork and exec it is a copy of this driver."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != Path("/proc/self/cmdline").read_bytes()
    except OSError:
        return False


def run(command: list[str], log: Path, stdout: Path | None = None, environment: dict[str, str] | None = None) -> Cost:
    """Runs a command to its end and that of all processes it started. What it says goes to `log`."""
    peak, over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(SAMPLE_SECONDS):
            sizes = [resident(pid) for pid in children(os.getpid()) if has_begun(pid)]
            peak = max(peak, sum(now for now, _ in sizes), *(most for _, most in sizes), 0)

    watcher = threading.Thread(target=watch)
    with open(log, "wb") as said, open(stdout or os.devnull, "wb") as rows:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=rows, stderr=said,
                                   env={**os.environ, **(environment or {})})
        watcher.start()
        try:
            wall, cpu, code = wait_for_all(process.pid, start)
        finally:
            over.set()
            watcher.join()
        process.returncode = code
    if code != 0:
        raise Failed(f"{' '.join(command)} ended with {code}:\n{log.read_text(errors='replace')[-2000:]}")
    return Cost(wall, cpu, peak)


def wait_for_all(first: int, start: float) -> tuple[float, float, int]:
    """Waits for the first process and all that it left; the wall time is the first one's."""
    wall, cpu, code = 0.0, 0.0, 0
    while True:
        try:
            pid, status, used = os.wait4(-1, 0)
        except ChildProcessError:
            return wall, cpu, code
        cpu += used.ru_utime + used.ru_stime
        if pid == first:
            wall, code = time.monotonic() - start, os.waitstatus_to_exitcode(status)
