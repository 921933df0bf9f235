"""The resources of a running program, as Linux counts them."""

import os
from pathlib import Path

ESTABLISHED = "01"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def memory_kib(pid: int) -> int:
    """Returns how much memory a process uses, in KiB."""
    return _status(pid, "VmRSS:")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def open_files(pid: int) -> int:
    """Returns how many file descriptors a process has open, sockets included."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def cpu_s(pid: int) -> float:
    """Returns how many seconds of CPU time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def connections_to(port: int) -> int:
    """Returns how many open TCP connections of this machine lead to that port of loopback."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    far_ends = (line.split()[2:4] for line in lines)
    return sum(int(address.partition(":")[2], 16) == port and state == ESTABLISHED for address, state in far_ends)
