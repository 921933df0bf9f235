"""Processes that start others: the workers of a program, and the programs of `relay serve`."""
