"""The tests that the tables of README.md name exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", (TESTS / "field/README.md").read_text("utf-8"))))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=["::".join(name) for name in NAMED])
def test_a_test_named_in_the_readme_exists(file: str, test: str) -> None:
    assert f"def {test or 'test_'}" in (TESTS / file).read_text("utf-8")
