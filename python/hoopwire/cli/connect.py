"""Connects a command to the running gateway: which socket, who asks, what its errors say on a terminal."""

import argparse
import getpass
import re
from collections.abc import Iterator
from contextlib import contextmanager

from hoopwire.cli.exits import REFUSED, UNREACHABLE, USAGE, CommandFailed
from hoopwire.cli.whereabouts import operators_socket
from hoopwire.client import (
    AddressUnusable,
    AuthorityUnusable,
    Operators,
    Refused,
    Unreachable,
    Unreadable,
)


@contextmanager
def operators(arguments: argparse.Namespace) -> Iterator[Operators]:
    """The operators' verbs, on the socket of the command line, else of the config file."""
    given = arguments.socket
    socket = given if given is not None else operators_socket(arguments.config)
    with told():
        yield Operators(socket, operator=_account())


@contextmanager
def told() -> Iterator[None]:
    """What the client raises, as the text and the exit code of a command."""
    try:
        yield
    except Refused as refused:
        lines = [refused.title, refused.detail, refused.hint, f"(code {refused.code})"]
        raise CommandFailed("\n".join(filter(None, lines)), REFUSED) from None
    except Unreachable as error:
        hint = "\nGive the CA that signed the gateway's certificate with --ca FILE."
        raise CommandFailed(f"{error}{hint if error.is_untrusted else ''}", UNREACHABLE) from None
    except Unreadable as error:
        raise CommandFailed(str(error), REFUSED) from None
    except AddressUnusable as error:
        raise CommandFailed(f"--gateway {error}", USAGE) from None
    except AuthorityUnusable as error:
        raise CommandFailed(str(error), USAGE) from None


def _account() -> str:
    """The account that asks, in the letters that the gateway takes."""
    try:
        return re.sub(r"[^A-Za-z0-9._@-]", "_", getpass.getuser())[:64]
    except (KeyError, OSError):
        return ""
