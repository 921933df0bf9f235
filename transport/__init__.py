"""What both ends of the wire share; import from the submodules."""
