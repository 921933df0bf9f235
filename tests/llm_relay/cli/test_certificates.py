"""`relay certificates`: the programs accept the files that it creates and the settings that it prints."""

import subprocess
from pathlib import Path

import pytest

from llm_relay.tls.authority import Authority
from tests.support.check_command import check
from tests.support.programs import environment, running
from tests.support.relay_command import COMMAND

pytestmark = pytest.mark.anyio


def make(folder: Path, *arguments: str) -> dict[str, str]:
    """Runs the command in `folder`; returns the settings that it prints."""
    command = [*COMMAND, "certificates", *arguments]
    made = subprocess.run(command, cwd=folder, env=environment({}), capture_output=True, text=True, check=True)
    assert made.stderr == ""
    lines = (line for line in made.stdout.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


async def test_the_programs_speak_mutual_tls_with_the_lines_that_it_prints(tmp_path: Path) -> None:
    settings = make(tmp_path, "certificates", "--host", "b.example.com", "192.0.2.1")
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    async with running(tmp_path, "server_b", GRPC_PORT="0") as server_b:
        dialled = {"SERVER_B_TARGET": server_b.address}
        code, lines = await check(tmp_path, "gateway", dialled)
        assert (code, f"ok      SERVER_B_TARGET: {server_b.address} answers, over TLS" in lines) == (0, True)
        code, lines = await check(tmp_path, "server_b", {"GRPC_PORT": str(server_b.port)})
    assert code == 0
    assert "b.example.com, 192.0.2.1, until " in "\n".join(lines)


def test_a_second_run_issues_new_certificates_from_the_same_authority(tmp_path: Path) -> None:
    settings = make(tmp_path, ".")
    paths = {name: Path(value) for name, value in settings.items() if value != "true"}
    before = {name: path.read_bytes() for name, path in paths.items()}
    make(tmp_path, ".")
    kept = {name for name, path in paths.items() if path.read_bytes() == before[name]}
    assert kept == {"TLS_CLIENT_CA_FILE", "SERVER_B_CA_FILE"}


def test_only_the_owner_may_read_the_keys(tmp_path: Path) -> None:
    make(tmp_path, "new")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").glob("*.key")} == {0o600}


def test_a_folder_that_cannot_be_created_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [*COMMAND, "certificates", "file/folder"]
    failed = subprocess.run(command, cwd=tmp_path, env=environment({}), capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("relay: certificates: ")
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize("host", ["http://b.example.com", "b.example.com:50051", "[::1]", "a,b"])
def test_a_host_that_no_certificate_can_name_is_refused(host: str, tmp_path: Path) -> None:
    command = [*COMMAND, "certificates", "folder", "--host", host]
    failed = subprocess.run(command, cwd=tmp_path, env=environment({}), capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert f"argument --host: {host!r} is not the name or the address of a host" in failed.stderr
    assert not (tmp_path / "folder").exists()


def test_an_incomplete_authority_is_created_again(tmp_path: Path) -> None:
    first = Authority(tmp_path, "ca")
    Path(first.ca_file).unlink()
    Authority(tmp_path, "ca").issue("server")
    assert Path(first.ca_file).is_file()
