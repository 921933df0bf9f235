"""CSV cells that no spreadsheet takes for a formula, and groups of usage by their names."""

from __future__ import annotations

import csv
import io

import pytest

from llm_relay.documents.accounts import csv_line, dimensions_from_text
from llm_relay.messages.accounts import Dimension


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"])
def test_a_cell_that_begins_a_formula_gets_a_quote(text: str) -> None:
    (cells,) = csv.reader(io.StringIO(csv_line([text, "a=b"]), newline=""))
    assert cells == [f"'{text}", "a=b"]


def test_other_cells_are_unchanged() -> None:
    line = csv_line([None, -5, True, 0.25, {"a": "ü"}, 'say "hi", please', ["x"]])
    assert line.endswith("\r\n")
    (cells,) = csv.reader(io.StringIO(line, newline=""))
    assert cells == ["", "-5", "true", "0.25", '{"a": "ü"}', 'say "hi", please', '["x"]']


def test_groups_are_read_in_order_and_without_duplicates() -> None:
    by, tag_key = dimensions_from_text("day, tag:team:x,door,day")
    assert by == (Dimension.DAY, Dimension.TAG, Dimension.PROTOCOL)
    assert tag_key == "team:x"
    assert dimensions_from_text("") == ((), "")


@pytest.mark.parametrize("text", ["tag", "tag:", "moon", "tag:a,tag:b", "Day"])
def test_an_unknown_group_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot group by|more than one tag"):
        dimensions_from_text(text)
