"""Reads a token from a file, stdin, the environment or a program; never from arguments."""

import os
import re
import shlex
import subprocess
import sys

from hoopwire.cli.exits import USAGE, CommandFailed

VARIABLE = "HOOPWIRE_TOKEN"
_LIMIT = 64 * 1024
_COMMAND_S = 60
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}")


def read_token(path: str | None) -> str:
    """The token of `--token-file` (`-` is stdin), else of $HOOPWIRE_TOKEN."""
    if path is None:
        token = os.environ.get(VARIABLE, "").strip()
        if not token:
            raise CommandFailed(f"no token: set {VARIABLE}, or give --token-file FILE (- reads stdin)", USAGE)
        return token
    if _JWT.match(path):
        # Not told back: it would stand in a terminal's history and in logs once more.
        raise CommandFailed(
            "that is a token where the name of its file belongs: others saw it, get a new one", USAGE
        )
    try:
        if path == "-":
            text = sys.stdin.read(_LIMIT)
        else:
            with open(path, encoding="ascii") as file:
                text = file.read(_LIMIT)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise CommandFailed(f"cannot read the token from {path}: {reason}", USAGE) from None
    return _one(text, "stdin" if path == "-" else path)


def run_token_command(command: str) -> str:
    """The token that a program prints: its words as a shell would split them, run without one."""
    try:
        words = shlex.split(command)
        done = subprocess.run(  # noqa: S603 - the caller's own command
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_COMMAND_S, check=False
        )
        text = done.stdout[:_LIMIT].decode("ascii")
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else "it gave no text in time"
        raise CommandFailed(f"cannot run the token's command: {reason}", USAGE) from None
    if done.returncode != 0:
        raise CommandFailed(f"the token's command ended with status {done.returncode}", USAGE)
    return _one(text, "the token's command")


def _one(text: str, source: str) -> str:
    token = text.strip()
    if not token or any(character.isspace() for character in token):
        raise CommandFailed(f"{source} does not hold one token", USAGE)
    return token
