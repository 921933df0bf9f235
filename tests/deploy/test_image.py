"""The Dockerfile is clean, and the steps of its build stage produce a relay that runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from llm_relay import VERSION
from tests.deploy.dockerfile import read_dockerfile, run_build_stage
from tests.support.programs import PROJECT

DOCKERFILE = PROJECT / "deploy" / "Dockerfile"


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    ended = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_it_runs_as_an_unprivileged_user_and_stops_on_sigterm() -> None:
    said = {one.name: one.argument for one in read_dockerfile(DOCKERFILE)}
    assert said["USER"] == "10001:10001"
    assert said["STOPSIGNAL"] == "SIGTERM"
    assert said["HEALTHCHECK"].endswith('CMD ["relay", "health"]')


@pytest.mark.slow
def test_the_steps_of_its_build_stage_produce_a_relay_that_runs(tmp_path: Path) -> None:
    run_build_stage(DOCKERFILE, PROJECT, tmp_path)
    relay = tmp_path / "opt" / "relay" / "bin" / "relay"
    ended = subprocess.run([relay, "--version"], cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    assert ended.stdout == f"relay {VERSION}\n"
    where = "import llm_relay, server_b, server_a, gateway, generated; print(gateway.__file__)"
    python = tmp_path / "opt" / "relay" / "bin" / "python"
    ended = subprocess.run([python, "-c", where], cwd="/", env={}, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(f"{tmp_path}/opt/relay/lib/")
    # The extras: compose.yaml and Kubernetes' manifests need the driver of PostgreSQL.
    extras = "import psycopg, opentelemetry.sdk, opentelemetry.exporter.otlp.proto.grpc; print(psycopg.pq.__impl__)"
    ended = subprocess.run([python, "-c", extras], cwd="/", env={}, capture_output=True, text=True, check=True)
    assert ended.stdout == "binary\n"
