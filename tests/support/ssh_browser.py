"""Stock ssh on a terminal, at the prompt of a login with a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from support.ssh_house import TARGET, SshHouse
from support.terminal import Terminal
from support.wait import wait_for

_QUESTION = b"press Enter"


def command(house: SshHouse, *words: str) -> list[str]:
    """ssh without key and secret."""
    return [
        *("ssh", "-F", "none", "-tt", "-p", str(house.port), "-l", TARGET),
        *("-o", f"UserKnownHostsFile={house.folder / 'known_hosts'}", "-o", "GlobalKnownHostsFile=none"),
        *("-o", "IdentityFile=none", "-o", "IdentityAgent=none", "-o", "PubkeyAuthentication=no"),
        *("127.0.0.1", *words),
    ]


@contextmanager
def asked(house: SshHouse, *words: str) -> Iterator[tuple[Terminal, str, str]]:
    """ssh at its question, what was shown, and the code in it. Tests come from one address: it may wait."""

    def ask() -> tuple[Terminal, str, str] | None:
        terminal = Terminal(command(house, *words), house.folder)
        shown = terminal.until(_QUESTION, b"Grant secret").decode()
        found = re.search(r"confirm the code ([A-Z]{4}-?[A-Z]{4})\.", shown)
        if found is not None:
            return terminal, shown, found[1]
        busy = "Too many logins with a browser are under way, try again in a minute."
        assert busy in shown, shown + house.gateway.log[-2000:]
        terminal.close()
        return None

    got = wait_for(ask, "a code", timeout_s=300.0)
    assert got is not None
    try:
        yield got
    finally:
        got[0].close()
