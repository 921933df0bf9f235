"""Standard input, output and error, for programs that were started without some of them."""

from __future__ import annotations

import os
import sys


def open_missing_streams() -> None:
    """Opens the null device for each standard stream that is closed.

    Otherwise Python has no `sys.stderr`, and the first socket that the program opens would get its descriptor and
    receive what libraries write to standard error.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - it stays open for the program's life
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
