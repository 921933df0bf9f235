"""The folder that processes write their metrics to. Folders that killed processes left behind are removed later."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:
    HAS_LOCKS = False
    """False on Windows, where the folder of a killed process stays."""
else:
    HAS_LOCKS = True

PREFIX = "relay-metrics-"
LOCK_NAME = "lock"
"""A file in the folder. Every process that writes there holds a lock on it, which ends with the process."""

LEFT_AFTER_S = 86_400
"""How long a folder without a lock must be unchanged before it is removed, in seconds."""

_METRICS_FILE = re.compile(r"[a-z_]+_([0-9]{1,9})\.db")
"""As prometheus_client names the file of a process."""


@contextlib.contextmanager
def metrics_folder(parent: str | None = None) -> Iterator[str]:
    """Makes a folder for metrics, and removes it at the end. Also removes this user's unused folders.

    It is made in `parent`; None: in the system's folder for temporary files.
    """
    parent = parent or tempfile.gettempdir()
    _remove_unused(parent)
    folder, lock = _made(parent)
    try:
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
        _remove_unused(parent)


@contextlib.contextmanager
def in_use(folder: str) -> Iterator[None]:
    """Prevents the removal of another process's folder while this process writes there."""
    try:
        lock = _locked(folder)
    except OSError:  # the folder was removed, or its file system has no locks
        yield
        return
    try:
        yield
    finally:
        os.close(lock)


def _made(parent: str) -> tuple[str, int]:
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        lock = _locked(folder, os.O_CREAT)
        if Path(folder, LOCK_NAME).exists():
            return folder, lock
        os.close(lock)  # another process removed the folder before it was locked


def _locked(folder: str, flags: int = 0) -> int:
    lock = os.open(Path(folder, LOCK_NAME), os.O_RDWR | flags, 0o600)
    if HAS_LOCKS:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def _remove_unused(parent: str) -> None:
    if not HAS_LOCKS:
        return
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with contextlib.suppress(OSError):
                    _remove_if_unused(entry)


def _remove_if_unused(entry: os.DirEntry[str]) -> None:
    """Raises OSError if a process holds its lock."""
    if not entry.is_dir(follow_symlinks=False) or entry.stat(follow_symlinks=False).st_uid != os.getuid():
        return
    try:
        lock = os.open(Path(entry.path, LOCK_NAME), os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:  # an earlier version made it, or something else
        if _is_left_behind(entry.path):
            shutil.rmtree(entry.path, ignore_errors=True)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(entry.path, ignore_errors=True)
    finally:
        os.close(lock)


def _is_left_behind(folder: str) -> bool:
    """Returns whether a folder has metrics, and nothing else, that processes wrote long ago and that have all ended.

    A process of another container may run, although it is not visible here. It writes every few seconds.
    """
    paths = list(Path(folder).iterdir())
    written = [_METRICS_FILE.fullmatch(path.name) for path in paths]
    if not written or not all(found is not None and not _runs(int(found[1])) for found in written):
        return False
    return time.time() - max(path.stat().st_mtime for path in (Path(folder), *paths)) > LEFT_AFTER_S


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs as another user
        return True
    return True
