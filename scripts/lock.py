"""Writes requirements.txt, requirements-dev.txt and deploy/requirements.txt: exact versions with hashes.

The image's, deploy/requirements.txt, has the extras too. All come from pyproject.toml.

    scripts/lock                    keep the locked versions that pyproject.toml still allows
    scripts/lock --upgrade          take the newest versions that it allows
    scripts/lock --check            report whether the files match pyproject.toml; needs no registry

The first line of each file has a digest of its inputs and of the file itself.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Made by scripts/lock from pyproject.toml; do not edit. Digest: "
IMAGE = "deploy/requirements.txt"
LOCKS = {
    "requirements.txt": [],
    "requirements-dev.txt": ["--group", "dev", "--constraint", "requirements.txt"],
    IMAGE: ["--all-extras", "--constraint", "requirements-dev.txt"],
}


def inputs(name: str) -> dict[str, object]:
    """Returns the parts of pyproject.toml that decide a lock."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = pyproject["project"]
    found = {
        "dependencies": project["dependencies"],
        "requires-python": project["requires-python"],
        "groups": pyproject["dependency-groups"],
    }
    return found | {"extras": project["optional-dependencies"]} if name == IMAGE else found


def digest(name: str, body: str) -> str:
    """Returns the SHA-256 of a file's `body` and of its inputs, in hexadecimal."""
    return hashlib.sha256((json.dumps(inputs(name), sort_keys=True) + body).encode()).hexdigest()


def write(name: str, groups: list[str], upgrade: list[str]) -> None:
    """Compiles one file. Raises CalledProcessError, and leaves the file unchanged, if uv fails."""
    python_version = str(inputs(name)["requires-python"]).removeprefix(">=")
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *groups, "--output-file", name]
    command += ["--universal", "--python-version", python_version, "--generate-hashes", "--no-header"]
    command += ["--no-emit-index-url", "--quiet", *upgrade]
    subprocess.run(command, cwd=ROOT, check=True)
    body = (ROOT / name).read_text("utf-8")
    (ROOT / name).write_text(f"{HEADER}{digest(name, body)}\n{body}", "utf-8")


def fault(name: str) -> str | None:
    """Returns the problem with one file, or None."""
    path = ROOT / name
    if not path.exists():
        return "is missing"
    header, _, body = path.read_text("utf-8").partition("\n")
    if "://" in body:
        return "contains the name of a host"
    if header != HEADER + digest(name, body):
        return "does not match pyproject.toml, or was edited by hand"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/lock", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only report whether the files are up to date")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    arguments = parser.parse_args()
    if not arguments.check:
        try:
            for name, groups in LOCKS.items():
                write(name, groups, ["--upgrade"] if arguments.upgrade else [])
        except subprocess.CalledProcessError:
            print("scripts/lock: uv could not compile the lock, see above; is the package registry reachable?")
            return 1
    faults = [f"{name} {what}: run scripts/lock" for name in LOCKS if (what := fault(name))]
    print("\n".join(faults or ["The lock files are up to date."]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
