"""Names of time zones."""

from __future__ import annotations

from zoneinfo import ZoneInfo

ZONE_RULE = "must be an IANA time zone, such as UTC or Europe/Berlin"
_OTHER_FILES = frozenset({"localtime", "posixrules", "Factory"})
_OTHER_FOLDERS = ("posix/", "right/")


def is_time_zone(name: str) -> bool:
    """Tells whether a name is that of an IANA time zone, which is the same on every machine.

    Systems keep other files among the zones: `localtime` is the machine's own zone, and `right/` counts leap seconds.
    """
    if name in _OTHER_FILES or name.startswith(_OTHER_FOLDERS):
        return False
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return False
    return True
