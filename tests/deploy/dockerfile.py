"""Reads a Dockerfile's instructions and runs its build stage without a container."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction, such as RUN, and its arguments."""

    name: str
    argument: str


def read_dockerfile(path: Path) -> Iterator[Instruction]:
    """Yields the instructions of a Dockerfile: continued lines joined, comments removed."""
    text = re.sub(r"(?m)^\s*#.*\n", "", path.read_text())
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, argument = line.strip().partition(" ")
            yield Instruction(name, argument.strip())


def run_build_stage(path: Path, context: Path, root: Path) -> None:
    """Runs the steps of a Dockerfile's first stage with `root` in place of `/`; raises CalledProcessError."""
    place = root
    stages = 0
    for one in read_dockerfile(path):
        match one.name:
            case "FROM":
                stages += 1
            case "WORKDIR":
                place = root / one.argument.lstrip("/")
                place.mkdir(parents=True)
            case "COPY":
                _copy(one.argument.split(), context, place)
            case "RUN":
                command = re.sub(r"(?<!\S)/(?=opt|src)", f"{root}/", one.argument)
                environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
                subprocess.run(["sh", "-ec", command], cwd=place, env=environment, check=True, capture_output=True)
            case _:
                pass  # this describes the image, not its contents
        if stages > 1:
            return


def _copy(arguments: list[str], context: Path, place: Path) -> None:
    *sources, target = arguments
    for name in sources:
        source = context / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, place / target, ignore=ignored)
        else:
            shutil.copy(source, place / target)
