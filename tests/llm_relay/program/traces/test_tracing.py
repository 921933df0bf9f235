"""Disabled traces cost no import; OpenTelemetry's own variables reach every process."""

import subprocess
import sys
from pathlib import Path

import pytest

from server_a.settings import ServerASettings
from tests.support.programs import PROJECT, environment

OFF = """
import sys
from llm_relay.program.settings.env_file import EnvFile
from llm_relay.program.traces.tracing import span_export, traced
import gateway.application, llm_relay.mcp.tool_server, server_a.mcp_server, server_b.grpc_server.server

with traced("test", EnvFile()):
    assert span_export() is None
print(sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))))
"""


def test_disabled_traces_import_nothing_of_their_exporter() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF], cwd=PROJECT, env=environment({}), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_workers_get_the_variables_of_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.env"
    file.write_text("OTEL_SERVICE_NAME=mine\nOTEL_TRACES_SAMPLER=always_off\nOTHERS=1\n")
    monkeypatch.setenv("RELAY_ENV_FILE", str(file))
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    given = ServerASettings.read().environment_in_force()
    assert (given["OTEL_SERVICE_NAME"], given["OTEL_TRACES_SAMPLER"]) == ("mine", "always_on")
    assert "OTHERS" not in given
