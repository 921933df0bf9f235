"""Log lines on stderr, readable or JSON, one line per record."""

import json
import logging
from collections.abc import Iterator

import pytest

from llm_relay.program.logs.log_setup import configure_logging

logger = logging.getLogger("relay.test")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Restores the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def written(capsys: pytest.CaptureFixture[str], log_format: str, **facts: object) -> str:
    """Returns the log line of a record with these facts."""
    configure_logging(log_format)
    logger.info("call of %s", "alice", extra={"facts": facts})
    streams = capsys.readouterr()
    assert streams.out == ""
    return streams.err


def test_text_lines_end_with_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    line = written(capsys, "text", model="a b", outcome="stop", tokens=5, usd=None)
    assert line.endswith(' INFO relay.test call of alice model="a b" outcome=stop tokens=5\n')


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "\x1b[2J", "\u2028", "a\tb"])
def test_a_fact_cannot_begin_a_new_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = written(capsys, "text", model=text)
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert line[:-1].isprintable()


def test_json_lines_have_the_facts_as_members(capsys: pytest.CaptureFixture[str]) -> None:
    line = written(capsys, "json", model="a\nb", tokens=5, usd=None)
    assert len(line.splitlines()) == 1
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {
        "level": "INFO",
        "logger": "relay.test",
        "message": "call of alice",
        "model": "a\nb",
        "tokens": 5,
        "usd": None,
    }


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_record_of_several_has_a_line_for_each(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format)
    logger.info("call", extra={"facts": [{"tokens": 5}, {"tokens": 6}]})
    one, two = capsys.readouterr().err.splitlines()
    mark = "tokens=" if log_format == "text" else '"tokens": '
    assert one.replace(f"{mark}5", f"{mark}6") == two
    assert f"{mark}6" in two


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_exception_is_logged_with_its_class_and_place_but_not_its_text(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format)
    try:
        raise LookupError("a prompt")
    except LookupError:
        logger.exception("failed")
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1
    assert "LookupError at test_log_setup.py:" in line
    assert "a prompt" not in line


@pytest.mark.parametrize("name", ["botocore.endpoint", "mcp.server", "httpx2"])
def test_lines_of_libraries_about_each_call_are_not_written_whatever_their_levels(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    library = logging.getLogger(name)
    former = library.level
    library.setLevel(logging.DEBUG)
    try:
        library.debug("a prompt")
        library.warning("a warning")
    finally:
        library.setLevel(former)
    assert [line.partition(name)[2] for line in capsys.readouterr().err.splitlines()] == [" a warning"]


def test_grpc_logs_nothing_about_a_caller_who_left_during_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    grpc_logger = logging.getLogger("grpc._cython.cygrpc")
    grpc_logger.error("ExecuteBatchError raised in core by servicer method [/relay.v1.AccountService/GetUsage]")
    assert capsys.readouterr().err == ""
    grpc_logger.error("Unexpected [RuntimeError] raised by servicer method [/relay.v1.AccountService/GetUsage]")
    assert "RuntimeError" in capsys.readouterr().err


def test_configuring_again_does_not_write_lines_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    assert written(capsys, "text").count("call of alice") == 1
