"""The settings of a program: how they are read, checked, and shared between programs."""
