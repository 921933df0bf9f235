"""Logs of a program."""
