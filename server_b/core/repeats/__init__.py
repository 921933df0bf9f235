"""Recognises a repeated request, and gives it the running call or the kept answer."""
