"""`hoopwire completion`: prints what makes a shell complete commands and options."""

import argparse

from hoopwire.cli.arguments import Commands, add_command
from hoopwire.cli.exits import OK


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(
        commands,
        "completion",
        "print what makes a shell complete commands and options",
        run,
        "  source <(hoopwire completion bash)          in ~/.bashrc\n"
        "  source <(hoopwire completion zsh)           in ~/.zshrc, behind compinit\n"
        "  hoopwire completion fish > ~/.config/fish/completions/hoopwire.fish\n",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="for which shell")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    # Reading what all commands declare imports them all.
    from hoopwire.cli.declared import declared
    from hoopwire.cli.shells import SHELLS

    print(SHELLS[arguments.shell](declared()), end="")
    return OK
