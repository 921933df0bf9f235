"""The .env file: which one is used, and which of its lines can be read."""

import os
from pathlib import Path

import pytest

from llm_relay.program.settings.env_file import (
    PROJECT_FOLDER,
    EnvFileError,
    env_file_path,
    leave_out_working_folder,
    read_env_file,
    value_of,
)


def test_the_projects_folder_is_that_of_its_packages() -> None:
    assert (PROJECT_FOLDER / "llm_relay" / "__init__.py").is_file()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Works in the empty folder `open`. Beside it is `project`, which is empty too."""
    monkeypatch.setenv("RELAY_ENV_FILE", "")  # so that what a test sets is undone
    (tmp_path / "project").mkdir()
    (tmp_path / "open").mkdir()
    monkeypatch.chdir(tmp_path / "open")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text)
    return path


def test_the_working_folders_file_takes_precedence_over_the_projects(folder: Path) -> None:
    project = folder / "project"
    assert env_file_path(project) is None
    beside = written(project, "A=1")
    assert env_file_path(project) == beside
    own = written(folder / "open", "A=2")
    assert env_file_path(project) == own


def test_a_named_file_takes_precedence_over_both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder / "open", "LOG_FORMAT=json")
    (folder / "other.env").write_text("LOG_FORMAT=text")
    monkeypatch.setenv("RELAY_ENV_FILE", "../other.env")
    assert value_of("LOG_FORMAT") == "text"
    monkeypatch.setenv("RELAY_ENV_FILE", os.devnull)
    assert env_file_path() is None
    assert value_of("LOG_FORMAT") == ""


def test_a_named_file_that_does_not_exist_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_ENV_FILE", str(folder / "none.env"))
    with pytest.raises(EnvFileError, match=r"none\.env: cannot be read \(No such file or directory\)"):
        read_env_file()


def test_the_working_folder_can_be_left_out(folder: Path) -> None:
    written(folder / "open", "A=2")
    leave_out_working_folder(folder / "project")
    assert env_file_path(folder / "project") is None


def test_the_projects_file_is_still_read_without_the_working_folder(folder: Path) -> None:
    written(folder / "open", "A=2")
    beside = written(folder / "project", "A=1")
    leave_out_working_folder(folder / "project")
    assert env_file_path() == beside


def test_a_named_file_is_still_read_without_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = written(folder, "A=3")
    monkeypatch.setenv("RELAY_ENV_FILE", str(named))
    leave_out_working_folder(folder / "project")
    assert env_file_path() == named


def test_names_are_read_in_any_case_and_blank_values_are_absent(folder: Path) -> None:
    written(folder / "open", "\ufeffgrpc_port=1 # why\r\nexport AI_PROVIDER='mock'\r\nOPENAI_API_KEY=\r\n")
    file = read_env_file()
    assert file.values == {"GRPC_PORT": "1", "AI_PROVIDER": "mock"}
    assert file.lines == {"GRPC_PORT": 1, "AI_PROVIDER": 2, "OPENAI_API_KEY": 3}
    assert not file.unreadable


@pytest.mark.parametrize(
    "line", ["GRPC_PORT 50999", "GRPC_PORT: 50999", "just words", "GRPC_PORT", "OPENAI_API_KEY='sk-1", "=1"]
)
def test_an_invalid_line_is_reported_by_its_number_without_its_text(
    line: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    written(folder / "open", f"# settings\n\n{line}\n\nLOG_FORMAT=json\n")
    file = read_env_file()
    assert (file.unreadable, file.values) == ((3,), {"LOG_FORMAT": "json"})
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("data", [b"\xff\xfeA\x00", b"A=\xe9\n"])
def test_a_file_that_is_not_utf_8_is_an_error_that_names_it(data: bytes, folder: Path) -> None:
    (folder / "open" / ".env").write_bytes(data)
    with pytest.raises(EnvFileError, match=r"\.env: is not UTF-8 text: save it as UTF-8"):
        read_env_file()
    assert value_of("LOG_FORMAT") == ""
