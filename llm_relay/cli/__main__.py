"""python -P -m llm_relay.cli: the command `relay`, if it is not installed as a script."""

from llm_relay.cli.entry import main

main()
