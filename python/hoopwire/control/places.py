"""Says where clients find the gateway: what connection lines and known_hosts name."""

import re

from hoopwire.model.settings import Settings

_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")


def found_at(address: str, settings: Settings, asked: str | None) -> tuple[str, str]:
    """Host and port of a bound `HOST:PORT`, as a client can connect to it; an IPv6 address has no brackets.

    A listener on all addresses says nothing of where it is: `asked` is how the client that asks has found us,
    in its own words.
    """
    host, _, port = address.rpartition(":")
    if settings.listen.public_host is not None:
        return settings.listen.public_host, port
    if host in ("0.0.0.0", "[::]"):  # noqa: S104 - what is looked for, not what is listened on
        host = asked if asked is not None and _HOST.fullmatch(asked) else host
    return host.strip("[]"), port
