"""Exit codes of the command."""

OK = 0
FAILED = 1
"""The relay refused the call or the call failed, or a check found something that has to be fixed."""
USAGE = 2
"""The arguments or the settings are wrong."""
UNREACHABLE = 3
"""Server B cannot be reached."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""
