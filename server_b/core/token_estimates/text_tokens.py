"""Estimates the tokens of a text from the text alone.

The text is split as tokenizers split it before any lookup: words, numbers, punctuation, and runs of one script.
The tokens of each piece were fitted to o200k, the tokenizer of OpenAI's models; tests/support/true_counts.py
has the table. Other vendors' counts differ by some tens of percent.
"""

from __future__ import annotations

import re

SAMPLE_CHARS = 16_384
"""Of a longer text only this many characters are examined."""
SLICES = 4

_LATIN = "\u00aa-\u024f\u1e00-\u1eff"
_PUNCTUATION = r"!-/:-@\[-`{-~"
_PIECES = re.compile(
    rf"(?P<line>(?P<drawn>[{_PUNCTUATION}])(?P=drawn){{3,}})"  # ----, ====
    rf"|(?P<latin>[A-Za-z]*[{_LATIN}][A-Za-z{_LATIN}]*)"  # a word with letters beyond ASCII
    r"|(?P<word>_?(?:[A-Z]?[a-z]+(?:'[a-z]{1,2}(?![a-z]))?|[A-Z]+))"  # camelCase and snake_case are several
    rf"|(?P<number>[0-9]+)|(?P<punctuation>[{_PUNCTUATION}]+)|(?P<space>\s+)"
    r"|(?P<han>[\u2e80-\u312f\u3190-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]+)"
    r"|(?P<hangul>[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]+)"
    r"|(?P<cyrillic>[\u0400-\u052f]+)|(?P<greek>[\u0370-\u03ff\u0590-\u05ff\u1f00-\u1fff]+)"
    r"|(?P<arabic>[\u0600-\u08ff]+)|(?P<khmer>[\u0f00-\u109f\u1780-\u18af]+)|(?P<ethiopic>[\u1200-\u177f]+)"
    r"|(?P<dash>[\u2000-\u206f\ufe00-\ufe0f]+)|(?P<symbol>[\u2070-\u2bff\U0001f000-\U0001ffff]+)"
    r"|(?P<other>[^\x00-\x7f]+)"
)
_TOKENS_PER_CHARACTER = {
    "han": 1 / 1.4,  # Chinese and Japanese, kana too
    "hangul": 1 / 1.6,
    "cyrillic": 1 / 3.5,
    "greek": 1 / 2.5,  # and Hebrew
    "arabic": 1 / 3.2,
    "khmer": 1 / 1.5,  # and Burmese, Tibetan
    "ethiopic": 1.8,
    "dash": 0.7,  # and typographic quotes, joiners
    "symbol": 1.7,  # mathematics, arrows, emoji
    "other": 1 / 3.1,  # Indic scripts, Thai, Georgian, Armenian
}


def estimated_tokens(text: str) -> int:
    """Returns an estimate of the tokens of a text: at least 1, or 0 for an empty text."""
    if not text:
        return 0
    if len(text) <= SAMPLE_CHARS:
        return max(1, round(_tokens(text)))
    size, step = SAMPLE_CHARS // SLICES, len(text) // SLICES
    tokens = sum(_tokens(text[start : start + size]) for start in range(0, step * SLICES, step))
    return round(tokens * len(text) / SAMPLE_CHARS)


def _tokens(text: str) -> float:
    return sum(_piece_tokens(piece.lastgroup or "", piece.end() - piece.start()) for piece in _PIECES.finditer(text))


def _piece_tokens(kind: str, length: int) -> float:
    match kind:
        case "word":
            return 1 if length <= 4 else 1.2 if length <= 7 else length / 5.5
        case "punctuation":
            return 1 if length <= 2 else length / 2
        case "space":  # a single space belongs to the word after it
            return 0 if length == 1 else 1
        case "number":
            return -(-length // 3)
        case "latin":
            return max(1, length / 3.2)
        case "line":
            return 1 + length / 20
        case _:
            return length * _TOKENS_PER_CHARACTER[kind]
