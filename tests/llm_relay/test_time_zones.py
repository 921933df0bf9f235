"""Which names are those of time zones."""

import pytest

from llm_relay.time_zones import is_time_zone


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]
)
def test_a_zone_of_the_iana_database_is_known(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name", ["", ".", "Mars/Base", "../../etc/passwd", "/etc/localtime", "utc\n", "a" * 300, "\0", "Europe"]
)
def test_another_name_is_unknown(name: str) -> None:
    assert not is_time_zone(name)


@pytest.mark.parametrize("name", ["localtime", "posixrules", "posix/Europe/Berlin", "right/UTC", "Factory"])
def test_files_that_differ_between_machines_are_no_zones(name: str) -> None:
    assert not is_time_zone(name)
