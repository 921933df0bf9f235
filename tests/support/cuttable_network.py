"""A separate network whose cable can be pulled: packets vanish, and neither side gets an error."""

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

NAMESPACES = Path("/run/netns")
FAR_HOST = "198.18.78.2"
"""The far host's address: 198.18 is reserved for benchmarks (RFC 2544), so hardly any machine uses it."""

_NAME = f"relay{os.getpid()}"
_PLAN = """
ip netns add {name}-r
ip netns add {name}
ip link add {name}a type veth peer name near netns {name}-r
ip -n {name}-r link add far type veth peer name cable netns {name}
ip address add 198.18.77.1/24 dev {name}a
ip link set {name}a up
ip -n {name}-r address add 198.18.77.2/24 dev near
ip -n {name}-r link set near up
ip -n {name}-r address add 198.18.78.1/24 dev far
ip -n {name}-r link set far up
ip -n {name} address add 198.18.78.2/24 dev cable
ip -n {name} link set cable up
ip -n {name} link set lo up
ip -n {name} route add default via 198.18.78.1
ip route add 198.18.78.0/24 via 198.18.77.2 dev {name}a
"""
"""This machine, a router, and the far host behind it."""


def missing() -> str:
    """Returns what this machine lacks for creating networks, or nothing if it can create them."""
    if shutil.which("ip") is None:
        return "network namespaces need the command ip (Debian's iproute2)"
    probe = f"{_NAME}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"network namespaces cannot be made here: {made.stderr.strip()}"
    _run(f"ip netns delete {probe}")
    taken = _run("ip route show to root 198.18.0.0/15")
    return f"the addresses of the test's network are in use: {taken.strip()}" if taken else ""


@contextlib.contextmanager
def open_network() -> Iterator["Network"]:
    """Creates the network, and removes it at the end. Raises CalledProcessError."""
    try:
        for line in _PLAN.strip().splitlines():
            _run(line.format(name=_NAME))
        network = Network()
        network.repair()
        yield network
    finally:
        for name in (_NAME, f"{_NAME}-r"):  # the interfaces and the route go with them
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


class Network:
    """The cable between this machine and the far host."""

    def cut(self) -> None:
        """Pulls the cable."""
        self._forward(on=False)

    def repair(self) -> None:
        """Plugs it in again."""
        self._forward(on=True)

    @contextlib.contextmanager
    def far(self) -> Iterator[None]:
        """Opens the sockets and starts the programs of this block on the far host."""
        with _inside(_NAME):
            yield

    def _forward(self, *, on: bool) -> None:
        # A router that does not forward drops its packets without an error.
        with _inside(f"{_NAME}-r"):
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1" if on else "0")


@contextlib.contextmanager
def _inside(namespace: str) -> Iterator[None]:
    with Path("/proc/thread-self/ns/net").open() as home, (NAMESPACES / namespace).open() as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(namespace: int) -> None:
    # os.setns was added in Python 3.12. It moves only this thread, and what the thread opens and starts from now on.
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _run(command: str) -> str:
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout
