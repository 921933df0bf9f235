"""`relay completion`: prints a completion script for a shell."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_relay.cli.programs import Commands

SHELLS = ("bash", "zsh", "fish")
_BASH = """\
_relay() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words
  case "${{COMP_WORDS[1]}}" in
{cases}
    *) words="{top}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="{top}"
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _relay relay
"""
_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser(
        "completion",
        parents=[common],
        help="print a completion script for your shell",
        description="Prints a script for your shell. For bash or zsh, put this into ~/.bashrc or ~/.zshrc:"
        ' eval "$(relay completion bash)", or zsh in place of bash. For fish:'
        " relay completion fish > ~/.config/fish/completions/relay.fish",
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the script; returns the exit code."""
    words = _words(arguments.whole_parser)
    sys.stdout.write(_fish(words) if arguments.shell == "fish" else _bash(words, zsh=arguments.shell == "zsh"))
    return 0


def _words(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Returns what can follow each subcommand, and under an empty name what can follow `relay` itself."""
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001
    words = {"": [*commands.choices, "--help", "--version", "--env-file"]}
    for name, command in commands.choices.items():
        words[name] = [*_options(command), *_choices(command)]
    return words


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """Returns a command's options, and those of its subcommands."""
    inner = [one for within in _inner(parser) for one in _options(within)]
    own = [option for action in parser._actions for option in action.option_strings if option.startswith("--")]  # noqa: SLF001
    return list(dict.fromkeys([*own, *inner]))


def _choices(parser: argparse.ArgumentParser) -> list[str]:
    positionals = (action for action in parser._actions if not action.option_strings)  # noqa: SLF001
    return [str(choice) for action in positionals for choice in action.choices or () if choice]


def _inner(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    return [within for action in found for within in action.choices.values()]


def _bash(words: dict[str, list[str]], *, zsh: bool) -> str:
    cases = "\n".join(f'    {name}) words="{" ".join(of)}" ;;' for name, of in words.items() if name)
    script = _BASH.format(cases=cases, top=" ".join(words[""]))
    return (
        f"autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n{script}" if zsh else script
    )


def _fish(words: dict[str, list[str]]) -> str:
    lines = ["complete -c relay -n __fish_use_subcommand -f -a '" + " ".join(words[""]) + "'"]
    for name, of in words.items():
        if name:
            lines.append(f"complete -c relay -n '__fish_seen_subcommand_from {name}' -a '{' '.join(of)}'")
    return "\n".join(lines) + "\n"
