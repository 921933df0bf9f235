"""Runs a check: reads a program's settings, and writes a line for each finding."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from llm_relay.check.findings import Finding, Verdict, failure, ok, warning
from llm_relay.program.colours import Colour, coloured
from llm_relay.program.settings.env_file import EnvFileError, read_env_file
from llm_relay.program.settings.program_settings import ProgramSettings, SettingsError
from llm_relay.program.startup import file_warnings, settings_warnings
from llm_relay.program.traces.tracing import TracesFault, trial_export

EXIT_FAILED = 1
COLOURS = {Verdict.OK: Colour.GREEN, Verdict.WARNING: Colour.YELLOW, Verdict.FAILED: Colour.RED}

S = TypeVar("S", bound=ProgramSettings)
Findings = Callable[[S], AsyncIterator[Finding]]


async def check(settings_type: type[S], findings: Findings[S]) -> int:
    """Runs a check and writes its findings to stdout as they arrive. Returns the exit code: 0 if none failed."""
    return await report(all_findings(settings_type, findings))


async def report(findings: AsyncIterator[Finding]) -> int:
    """Writes findings to stdout as they arrive. Returns the exit code: 0 if none failed."""
    failed = False
    async for finding in findings:
        failed = failed or not finding.ok
        verdict = coloured(finding.verdict.value, COLOURS[finding.verdict], sys.stdout)
        sys.stdout.write(f"{verdict}{str(finding)[len(finding.verdict.value) :]}\n")
        sys.stdout.flush()
    return EXIT_FAILED if failed else 0


async def all_findings(settings_type: type[S], findings: Findings[S]) -> AsyncIterator[Finding]:
    """Yields findings about how the settings are written, then those of `findings`."""
    try:
        settings = settings_type.read()
    except SettingsError as error:
        for finding in _bad_settings_findings(error):
            yield finding
        return
    yield ok(f"settings: read from the environment and {settings.file.path or 'no .env file'}")
    for text in settings_warnings(settings):
        yield warning(text)
    for finding in _traces_findings(settings):
        yield finding
    async for finding in findings(settings):
        yield finding


def _traces_findings(settings: ProgramSettings) -> Iterator[Finding]:
    try:
        with trial_export(settings.file) as export:
            if export is not None:
                yield ok(f"OTEL_*: traces are sent to {export.endpoint}; this check does not connect to it")
    except TracesFault as fault:
        yield warning(str(fault))  # the program starts anyway


def _bad_settings_findings(error: SettingsError) -> list[Finding]:
    found = [failure(line) for line in str(error).splitlines()]
    try:
        return found + [warning(text) for text in file_warnings(read_env_file(), os.environ)]
    except EnvFileError:  # the error already says so
        return found
