"""Files and functions stay short enough to read at once."""

import ast
import subprocess

from tests.support.programs import PROJECT

MAX_LINES, MAX_TEST_LINES = 300, 500
MAX_FUNCTION_LINES = 50


def python_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = listed.stdout.splitlines()
    return [name for name in names if not name.startswith("generated/") and (PROJECT / name).exists()]


def test_no_file_is_too_long() -> None:
    sizes = {name: len((PROJECT / name).read_text().splitlines()) for name in python_files()}
    assert "server_b/core/relay.py" in sizes
    limits = {name: MAX_TEST_LINES if name.startswith("tests/") else MAX_LINES for name in sizes}
    assert {name: size for name, size in sizes.items() if size > limits[name]} == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{name}:{node.name}": node.end_lineno - node.lineno + 1
        for name in python_files()
        for node in ast.walk(ast.parse((PROJECT / name).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    }
    assert long == {}
