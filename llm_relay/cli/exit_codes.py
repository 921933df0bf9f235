"""Exit codes of the command."""

OK = 0
FAILED = 1
"""The relay refused the call, the call failed, or a check found something to fix."""
USAGE = 2
"""The arguments or the settings are wrong."""
UNREACHABLE = 3
"""Server B cannot be reached."""
INTERRUPTED = 130
"""Stopped by Ctrl-C: 128 + SIGINT, as in shells."""
