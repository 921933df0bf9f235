"""How the programs start with questionable settings, and with closed standard streams."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.check_command import check
from tests.support.ports import accepted, free_port, silent_server, until_listening
from tests.support.programs import environment, running, starting

pytestmark = pytest.mark.anyio

LIMIT_S = 30.0
PORTS = {"server_b": "GRPC_PORT", "gateway": "HTTP_PORT"}
PROGRAMS = pytest.mark.parametrize("name", PORTS)
ODD = """\
GRPC_PROT=50999
this is not a setting
RELAY_TOKENS=ann:x;bob:y
RELAY_DELEGATES=gatway
MODEL_MAP=bedrock/gpt-4o=sonnet-v2
PRICES=mock/*=0/0,openi/gpt-*=1/2,*/my-*=1/2
"""
WARNINGS = [
    ".env, line 2: is not NAME=value, and is ignored",
    ".env, line 1: GRPC_PROT is not a setting; did you mean GRPC_PORT?",
    "RELAY_TOKENS: entry 1 has a ';' or '|' in its token: to list several callers, separate them with commas",
    "RELAY_DELEGATES: no caller in RELAY_TOKENS is named gatway",
]
OF_SERVER_B = [
    "MODEL_MAP: bedrock/gpt-4o is never used, because AI_PROVIDER does not name bedrock",
    "PRICES: openi/gpt-* is never used, because AI_PROVIDER does not name openi",
]


def expected(name: str) -> list[str]:
    return WARNINGS + (OF_SERVER_B if name == "server_b" else [])


@PROGRAMS
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_questionable_settings_are_warned_of_once_as_json_if_the_log_is_json(
    name: str, workers: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(ODD + "LOG_FORMAT=json\n")
    async with running(tmp_path, name, WORKERS=workers, **{PORTS[name]: "0"}) as program:
        await program.stop()
        await program.silent.wait()
    lines = [json.loads(line) for line in program.lines]
    warned = [line["message"].removeprefix(f"{tmp_path}/") for line in lines if line["level"] == "WARNING"]
    assert warned == expected(name)
    assert "ann:x" not in "".join(program.lines)


@PROGRAMS
async def test_a_check_warns_too_but_does_not_fail(name: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ODD)
    _, lines = await check(tmp_path, name, {PORTS[name]: "0"})
    warned = [line.removeprefix("warning").strip() for line in lines if line.startswith("warning")]
    assert [line.removeprefix(f"{tmp_path}/") for line in warned] == expected(name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("program", "host_setting"),
    [(("gateway",), "HTTP_HOST"), (("server_a", "http"), "MCP_HOST")],
    ids=["gateway", "mcp"],
)
async def test_a_signal_ends_a_start_that_waits_for_server_b(
    program: tuple[str, ...], host_setting: str, number: signal.Signals, tmp_path: Path
) -> None:
    """Beyond loopback, a program in front asks Server B whether callers need a token."""
    with silent_server() as silent:
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        async with starting(tmp_path, *program, SERVER_B_TARGET=target, **{host_setting: "0.0.0.0"}) as started:
            with await accepted(silent):
                assert await started.stop(number) == 0
            await started.silent.wait()
    assert started.lines == []


@pytest.mark.parametrize(
    ("program", "port_setting"),
    [
        (("server_b",), "GRPC_PORT"),
        (("server_b", "http"), "MCP_PORT_B"),
        (("gateway",), "HTTP_PORT"),
        (("server_a", "http"), "MCP_PORT_A"),
    ],
    ids=str,
)
async def test_a_program_keeps_its_port_if_its_metrics_have_the_same(
    program: tuple[str, ...], port_setting: str, tmp_path: Path
) -> None:
    port = free_port()
    settings = {port_setting: str(port), "METRICS_PORT": str(port)}
    async with running(tmp_path, *program, **settings) as started:
        assert started.port == port
        fault = f"METRICS_PORT: is {port}, as {port_setting} is: set one of them to another port"
        await started.told(f"ERROR .*({fault}). Until then no metrics are served")


@PROGRAMS
async def test_bad_settings_are_json_too_if_the_log_is_json(name: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"LOG_FORMAT=json\n{PORTS[name]}=many\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", name), cwd=tmp_path, env=environment({}), stderr=asyncio.subprocess.PIPE
    )
    _, told = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode == 2
    (line,) = map(json.loads, told.decode().splitlines())
    assert line["level"] == "ERROR"
    assert line["message"].startswith(f"{PORTS[name]}: ")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@PROGRAMS
async def test_a_program_starts_and_serves_with_closed_standard_streams(name: str, tmp_path: Path) -> None:
    port = str(free_port())
    command = f'exec "{sys.executable}" -m {name} <&- >&- 2>&-'
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", command), cwd=tmp_path, env=environment({PORTS[name]: port, "SERVER_B_TARGET": "127.0.0.1:1"})
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            await until_listening(int(port), process)
            streams = [stream_of(process.pid, number) for number in (0, 1, 2)]
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
    assert streams == [Path(os.devnull)] * 3  # no socket has their numbers, so no log line is written to one


def stream_of(pid: int, number: int) -> Path:
    """Returns the target of a process's file descriptor."""
    return Path(f"/proc/{pid}/fd/{number}").readlink()


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_the_start_line_shows_the_ledger_that_every_worker_writes(workers: str, tmp_path: Path) -> None:
    (tmp_path / "relay.env").write_text("LEDGER=sqlite:///money.db\n")
    folder = tmp_path / "working"
    folder.mkdir()
    settings = {"RELAY_ENV_FILE": str(tmp_path / "relay.env"), "GRPC_PORT": "0", "WORKERS": workers}
    async with running(folder, "server_b", **settings) as program:
        await program.told(rf"with provider mock, ledger {tmp_path}/money\.db", times=int(workers))
        await program.stop()
    assert (tmp_path / "money.db").stat().st_mode & 0o777 == 0o600
    assert list(folder.iterdir()) == []


async def test_a_server_over_stdio_creates_no_ledger_in_the_working_folder(tmp_path: Path) -> None:
    folder, state = tmp_path / "open", tmp_path / "state"
    folder.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server_b", "stdio"),
        cwd=folder,
        env=environment({"XDG_STATE_HOME": str(state)}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        _, told = await process.communicate()
    assert f"ledger {state}/grpc-llm-relay/relay.db" in told.decode()
    assert (state / "grpc-llm-relay" / "relay.db").exists()
    assert list(folder.iterdir()) == []
