"""Reads failures from any envelope, classifies them by tables of words and texts, and maps them to RelayErrors."""
