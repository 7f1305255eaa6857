"""Reads a token from a file, stdin or the environment; never from arguments, which everyone can list."""

import os
import sys

from hoopwire.cli.exits import USAGE, CommandFailed

VARIABLE = "HOOPWIRE_TOKEN"
_LIMIT = 64 * 1024


def read_token(path: str | None) -> str:
    """The token of `--token-file` (`-` is stdin), else of $HOOPWIRE_TOKEN."""
    if path is None:
        token = os.environ.get(VARIABLE, "").strip()
        if not token:
            raise CommandFailed(f"no token: set {VARIABLE}, or give --token-file FILE (- reads stdin)", USAGE)
        return token
    try:
        if path == "-":
            text = sys.stdin.read(_LIMIT)
        else:
            with open(path, encoding="ascii") as file:
                text = file.read(_LIMIT)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise CommandFailed(f"cannot read the token from {path}: {reason}", USAGE) from None
    token = text.strip()
    if not token or any(character.isspace() for character in token):
        raise CommandFailed(f"{'stdin' if path == '-' else path} does not hold one token", USAGE)
    return token
