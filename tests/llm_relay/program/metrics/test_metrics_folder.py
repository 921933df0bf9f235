"""Metrics files of killed programs are removed, and no others."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llm_relay.program.metrics.metrics_folder import LOCK_NAME, PREFIX, in_use, metrics_folder
from tests.support.relay_serve import served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")


def left_behind(parent: Path, name: str = "left") -> Path:
    """Creates what a killed process leaves behind."""
    folder = parent / f"{PREFIX}{name}"
    folder.mkdir()
    (folder / LOCK_NAME).touch()
    (folder / "counter_1.db").touch()
    return folder


def test_a_folder_is_there_during_the_block_and_gone_after_it(tmp_path: Path) -> None:
    with metrics_folder(str(tmp_path)) as folder:
        assert Path(folder).parent == tmp_path
        assert Path(folder).is_dir()
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    left_behind(tmp_path)
    with metrics_folder(str(tmp_path)) as folder:
        assert [str(path) for path in tmp_path.iterdir()] == [folder]


def test_a_folder_of_a_running_process_stays(tmp_path: Path) -> None:
    with metrics_folder(str(tmp_path)) as one, metrics_folder(str(tmp_path)) as other:
        assert {str(path) for path in tmp_path.iterdir()} == {one, other}
    left = left_behind(tmp_path)
    with in_use(str(left)), metrics_folder(str(tmp_path)):
        assert left.is_dir()
    with metrics_folder(str(tmp_path)):
        assert not left.exists()


def ended_process() -> int:
    """Returns the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_an_earlier_version_left_is_removed_once_its_processes_have_ended(tmp_path: Path) -> None:
    left = tmp_path / f"{PREFIX}earlier"
    left.mkdir()
    (left / f"counter_{ended_process()}.db").touch()
    (left / f"gauge_livesum_{os.getpid()}.db").touch()
    let_age(left)
    with metrics_folder(str(tmp_path)):
        assert left.is_dir()
    (left / f"gauge_livesum_{os.getpid()}.db").unlink()
    (left / "other.txt").touch()
    let_age(left)
    with metrics_folder(str(tmp_path)):
        assert left.is_dir()
    (left / "other.txt").unlink()
    let_age(left)
    with metrics_folder(str(tmp_path)):
        assert not left.exists()


def let_age(folder: Path) -> None:
    """Makes a folder and its files two days old."""
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - 2 * 86_400,) * 2)


@pytest.mark.parametrize("fresh", ["the folder", "a file"])
def test_what_an_earlier_version_writes_in_another_container_stays(fresh: str, tmp_path: Path) -> None:
    """Its processes are not visible here, so they seem to have ended."""
    left = tmp_path / f"{PREFIX}earlier"
    left.mkdir()
    written = [left / f"{kind}_{ended_process()}.db" for kind in ("counter", "gauge_livesum")]
    for path in written:
        path.touch()
    let_age(left)
    os.utime(left if fresh == "the folder" else written[1])
    with metrics_folder(str(tmp_path)):
        assert left.is_dir()


def test_files_of_other_programs_and_versions_stay(tmp_path: Path) -> None:
    elsewhere = left_behind(tmp_path, "real")
    elsewhere = elsewhere.rename(tmp_path / "elsewhere")
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / f"{PREFIX}without-lock").mkdir()
    linked = left_behind(tmp_path, "linked-lock")
    (linked / LOCK_NAME).unlink()
    (linked / LOCK_NAME).symlink_to(elsewhere / LOCK_NAME)
    before = set(tmp_path.rglob("*"))
    with metrics_folder(str(tmp_path)):
        pass
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="gives a file to another user")
def test_files_of_another_user_stay(tmp_path: Path) -> None:
    left = left_behind(tmp_path)
    os.chown(left, 12345, 12345)
    with metrics_folder(str(tmp_path)):
        assert left.is_dir()


@pytest.mark.anyio
async def test_a_killed_relay_leaves_nothing_once_another_has_started(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    async with served(tmp_path, TMPDIR=str(temporary)) as it:
        it.program.process.kill()
        await it.program.process.wait()
        await it.program.silent.wait()  # its programs have ended too
    (left,) = temporary.glob(f"{PREFIX}*")
    async with served(tmp_path, TMPDIR=str(temporary)) as it:
        assert not left.exists()
        assert len(list(temporary.glob(f"{PREFIX}*"))) == 1
        assert await it.program.stop() == 0
    assert list(temporary.glob(f"{PREFIX}*")) == []
