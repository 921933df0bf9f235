"""`relay check`: all programs, with what they share reported once."""

from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.relay_command import relay
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_before_the_first_start_everything_is_ok(tmp_path: Path) -> None:
    port = str(free_port())
    ended = await relay(tmp_path, "check", GRPC_PORT=port, SERVER_B_TARGET=f"localhost:{port}")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert f"ok      GRPC_PORT: 127.0.0.1:{port} is free" in lines
    assert f"ok      SERVER_B_TARGET: no Server B runs at localhost:{port} yet; `relay serve` starts it too" in lines
    assert len(lines) == len(set(lines))
    for setting in ("AI_PROVIDER: mock answers", "HTTP_HOST: 127.0.0.1", "MCP_TRANSPORT: stdio"):
        assert any(line.startswith(f"ok      {setting}") for line in lines)


async def test_a_bad_setting_that_several_programs_read_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GRPC_PROT=1\nTIMEOUT_SECONDS=soon\n")
    ended = await relay(tmp_path, "check")
    assert ended.code == 1
    failed = [line for line in ended.out.splitlines() if line.startswith("FAILED")]
    (line,) = failed
    assert line.startswith("FAILED  TIMEOUT_SECONDS: ")
    assert ended.out.count("GRPC_PROT is not a setting; did you mean GRPC_PORT?") == 1


@pytest.mark.parametrize("program", ["gateway", "mcp"])
async def test_a_single_program_can_be_checked(program: str, tmp_path: Path) -> None:
    async with serving() as server:
        ended = await relay(tmp_path, "check", program, SERVER_B_TARGET=server.target)
    assert ended.code == 0
    assert f"ok      SERVER_B_TARGET: {server.target} answers, in plaintext" in ended.out
    assert "AI_PROVIDER" not in ended.out


async def test_an_unreachable_remote_server_b_fails(tmp_path: Path) -> None:
    ended = await relay(tmp_path, "check", GRPC_PORT=str(free_port()), SERVER_B_TARGET="127.0.0.1:1")
    assert ended.code == 1
    assert "FAILED  SERVER_B_TARGET: nothing listens at 127.0.0.1:1: start Server B there with `relay server-b`" in (
        ended.out
    )
