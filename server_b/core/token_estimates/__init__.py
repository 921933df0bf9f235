"""Estimates how many tokens a prompt or a text is."""
