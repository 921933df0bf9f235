"""Texts that Python reads as numbers, or nearly, and that nobody writes on purpose."""

NOT_PLAIN = (
    "1_000",
    "٣",
    "१२",
    "1e3",
    "1E3",
    " 5 ",
    "5 ",
    "5\n",
    "+5",
    "nan",
    "inf",
    "-0",
    "-0.0",
    "5.",
    "0x10",
    "1,000",
    "²",
)
