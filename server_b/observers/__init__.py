"""Observers of calls that have ended: the log, metrics and spans."""
