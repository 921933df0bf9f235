"""Builds an MCP bundle of Server A that contains the wheel, and validates it with the official tool.

    python -m scripts.mcpb [FOLDER]     writes FOLDER/grpc-llm-relay.mcpb (default: dist)

Needs npm, which fetches the tool. Without npm it says so and exits with 0.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TOOL = "@anthropic-ai/mcpb@2.1.2"
PYPROJECT = """\
[project]
name = "relay-bundle"
version = "0"
requires-python = ">=3.11"
dependencies = ["grpc-llm-relay"]

[tool.uv.sources]
grpc-llm-relay = {{ path = "{wheel}" }}
"""
SERVER = 'from llm_relay.cli.command import run\n\nraise SystemExit(run(["mcp"]))\n'


def build(target: Path) -> Path:
    """Writes the bundle into the folder `target` and returns its path. Raises CalledProcessError if it is invalid."""
    target.mkdir(parents=True, exist_ok=True)
    bundle = target.resolve() / "grpc-llm-relay.mcpb"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", name, str(ROOT)]
        subprocess.run(command, check=True)
        (wheel,) = folder.glob("*.whl")
        (folder / "pyproject.toml").write_text(PYPROJECT.format(wheel=wheel.name), "utf-8")
        (folder / "server.py").write_text(SERVER, "utf-8")
        shutil.copy(Path(__file__).with_name("manifest.json"), folder)
        for arguments in (["validate", "manifest.json"], ["pack", ".", str(bundle)]):
            subprocess.run(["npx", "--yes", TOOL, *arguments], cwd=folder, check=True)
    return bundle


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.mcpb", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    if not shutil.which("npx"):
        print("skipped: npx, which comes with Node.js, is not on the PATH")
        return 0
    print(build(arguments.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
