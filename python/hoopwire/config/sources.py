"""Checks that targets of every protocol share: host names, and where a secret is kept."""

import ipaddress
import re
from collections.abc import Sequence

from hoopwire.config.positions import Key
from hoopwire.config.problem import Report
from hoopwire.model.settings import CredentialSettings
from hoopwire.model.ssh.settings import SecretSettings

_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_sources(
    key: Key, secret: CredentialSettings | SecretSettings, sources: Sequence[str], report: Report
) -> None:
    """Exactly one of `sources` is given, and it is what its name says."""
    given = [name for name in sources if getattr(secret, name) not in (None, False)]
    if len(given) != 1:
        found = "there are: " + ", ".join(given) if given else "there is none"
        report.add(key, f"give exactly one of {', '.join(sources)}; {found}")
    if secret.env is not None and not _ENVIRONMENT_NAME.fullmatch(secret.env):
        report.add((*key, "env"), "is the name of an environment variable, not its value")
    if secret.command is not None:
        _check_command((*key, "command"), secret.command, report)


def _check_command(key: Key, command: tuple[str, ...], report: Report) -> None:
    if not command or not command[0]:
        report.add(key, 'name the program and its arguments: ["/usr/bin/vault", "read"]')
    elif "/" in command[0] and not command[0].startswith("/"):
        report.add((*key, 0), "write the whole path, or a bare name to be found on PATH")


def is_host(text: str) -> bool:
    """An IP address, or a host name by its form (RFC 1123 section 2.1, and `_`)."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        # All digits in the last label is an IP address gone wrong.
        return (
            len(text) <= 253
            and all(_HOST_LABEL.fullmatch(label) for label in labels)
            and not labels[-1].isdigit()
        )
    return "%" not in text
