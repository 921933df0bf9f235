"""Runs a module on a system without what Windows lacks: `windows_like.py MODULE ARGUMENT…`.

Modules that exist only on POSIX cannot be imported, and attributes that exist only there are gone, as far as this
system's standard library works without them.
"""

import importlib
import importlib.abc
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from types import ModuleType

NOT_THERE = ("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty", "uvloop")
ATTRIBUTES: dict[ModuleType, tuple[str, ...]] = {
    os: ("chown", "chroot", "fchmod", "fchown", "fork", "forkpty", "getgid", "getpgid", "killpg", "mkfifo", "setsid"),
    signal: ("SIGALRM", "SIGHUP", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2", "alarm", "setitimer"),
    socket: ("SO_REUSEPORT", "recv_fds", "send_fds"),
}
THIRD_PARTY = (
    *("aiohttp", "botocore.session", "cryptography.x509", "fastapi", "genai_prices", "google.rpc", "grpc.aio"),
    *("grpc_health.v1.health", "grpc_reflection.v1alpha.reflection", "grpc_status.rpc_status", "httpx2", "mcp.server"),
    *(
        "multiprocessing.util",
        "prometheus_client",
        "pydantic_settings",
        "tempfile",
        "uvicorn.server",
        "asyncio.unix_events",
    ),
)
"""Imported first: how other packages detect a system's features is not tested here."""


class _NotThere(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, _: Sequence[str] | None, __: ModuleType | None = None) -> None:
        if fullname in NOT_THERE:
            raise ModuleNotFoundError(f"No module named {fullname!r}, as on Windows", name=fullname)


def take_away() -> None:
    """Removes from this process what Windows lacks."""
    for name in THIRD_PARTY:
        importlib.import_module(name)
    for name in NOT_THERE:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, _NotThere())
    for module, names in ATTRIBUTES.items():
        for name in names:
            delattr(module, name)


if __name__ == "__main__":
    take_away()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
