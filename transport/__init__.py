"""What both ends of the wire share; import from the submodules."""

VERSION = "0.1.0"
