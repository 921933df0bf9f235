"""Installs exactly the locked packages, and the project itself, into .venv. Does nothing if they are there already.

Runs on a bare Python that scripts/install finds, so it imports only the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed"  # written last: an environment without it is incomplete
COMMAND = VENV / "bin" / "relay"
# Both a shell script and a Python script, because an interpreter in a #! line cannot contain blanks.
# -P: Python imports nothing from the command's folder or from the working folder.
COMMAND_TEXT = """\
#!/bin/sh
'''exec' "{python}" -P "$0" "$@"
' '''
from llm_relay.cli.entry import main

main()
"""


class InstallError(Exception):
    """The environment cannot be created. The text says what to do."""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Waits for other installs into this folder, and blocks new ones until the block or the process ends."""
    with Path(__file__).open("rb") as own_file:
        os.set_inheritable(own_file.fileno(), True)  # a pip that outlives this process still holds the lock
        fcntl.flock(own_file, fcntl.LOCK_EX)
        yield


def digest(lock: str) -> str:
    """Returns the stamp of an environment with the packages of `lock` in this place, for this Python."""
    ingredients = [str(ROOT), sys.version, (ROOT / lock).read_text("utf-8")]
    return hashlib.sha256("\0".join(ingredients).encode()).hexdigest()


def installed() -> list[str]:
    """Returns the digests in the stamp; none if the environment is missing, incomplete or broken."""
    if not os.access(VENV / "bin/python", os.X_OK) or not STAMP.exists():
        return []
    return STAMP.read_text("utf-8").split()


def make_empty() -> None:
    """Replaces .venv with an empty environment with pip."""
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InstallError(
            f"{sys.executable} cannot create environments; on Debian and Ubuntu: apt-get install python{version}-venv"
        )
    run(sys.executable, "-m", "venv", "--clear", str(VENV))


def run(*command: str) -> None:
    """Runs one step and shows its errors. Raises InstallError if it fails."""
    if subprocess.run(command, cwd=ROOT, check=False, close_fds=False).returncode != 0:
        raise InstallError(f"failed, see above: {' '.join(command)}\nIs the package registry reachable?")


def install(lock: str) -> None:
    """Installs the packages of `lock`, and the project itself as a path, so that edits take effect at once."""
    python = str(VENV / "bin/python")
    options = ["-qq", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
    run(python, "-m", "pip", "install", *options, "--requirement", lock)
    site_packages = next(VENV.glob("lib/python*/site-packages"))
    (site_packages / "grpc_llm_relay.pth").write_text(f"{ROOT}\n", "utf-8")


def write_command() -> None:
    """Writes .venv/bin/relay, unless it exists."""
    text = COMMAND_TEXT.format(python=VENV / "bin" / "python")
    if not COMMAND.exists() or COMMAND.read_text("utf-8") != text:
        COMMAND.write_text(text, "utf-8")
        COMMAND.chmod(0o755)


def bring_up_to_date(*, dev: bool) -> None:
    """Installs what is missing. Recreates an environment of another lock or Python."""
    locks = ["requirements.txt", "requirements-dev.txt"] if dev else ["requirements.txt"]
    wanted = [digest(lock) for lock in locks]
    if set(wanted) <= set(installed()):
        return
    print(f"Installing {locks[-1]} into .venv with Python {sys.version.split()[0]}: a minute or so …", flush=True)
    if wanted[0] not in installed():
        make_empty()
    STAMP.unlink(missing_ok=True)
    install(locks[-1])
    STAMP.write_text("\n".join(wanted), "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/install", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dev", action="store_true", help="also install what tests, checks and scripts/generate need")
    arguments = parser.parse_args()
    try:
        with alone():
            bring_up_to_date(dev=arguments.dev)
            write_command()
    except InstallError as error:
        print(f"scripts/install: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
