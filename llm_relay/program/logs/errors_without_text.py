"""How an unexpected error is logged."""

from __future__ import annotations


def class_and_place(error: BaseException) -> str:
    """Returns an error's class and where it was raised, innermost first, without its text.

    The text may contain a key or a prompt.
    """
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' < '.join(reversed(places))}"
