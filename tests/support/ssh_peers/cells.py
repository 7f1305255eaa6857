"""One cell of the matrix: one client, one target, one thing that is tried through the gateway.

Where it doesn't come out as it should, it is tried directly, too: is it the client's and target's own affair?
"""

from collections.abc import Callable

from support.ssh_peers import matrix
from support.ssh_peers.clients import Client
from support.ssh_peers.matrix import Outcome, Ring
from support.ssh_peers.targets import Target
from support.ssh_peers.task import By, Login

CHECKS = ("login", "exit code", "bytes", "rekey", "terminal", "sftp", "refused")


def way(client: Client) -> By:
    """How it logs in where nothing else is asked."""
    return next(by for by in ("certificate", "password", "keyboard-interactive") if by in client.logins)


def applies(client: Client, check: str) -> bool:
    """Whether the client can do it at all."""
    return {"sftp": "put" in client.does, "rekey": client.rekeys}.get(check, True)


def cell(ring: Ring, client: Client, target: Target, check: str) -> str:
    """`yes`, `-` where the client can't, or what was different."""
    if not applies(client, check):
        return "-"
    try:
        return outcome(ring, client, target, check)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:2000]}"


def outcome(ring: Ring, client: Client, target: Target, check: str) -> str:
    """The same, with errors as they are."""
    if check == "login":
        return logins(ring, client, target)
    if check == "refused":
        done = matrix.refused(client, ring.through(target, way(client), "little"))
        return "yes" if done == Outcome(126, b"", b"the words") else f"refused otherwise: {done}"
    wanted = WANTED[check](ring)
    through = attempt(ring, client, ring.through(target, way(client)), check)
    if through == wanted:
        return "yes"
    direct = attempt(ring, client, ring.direct(target), check)
    return "as directly" if direct == through else f"direct {direct}, through the gateway {through}"


WANTED: dict[str, Callable[[Ring], Outcome]] = {
    "exit code": lambda _: Outcome(7, b"out\n", b"err-or"),
    "bytes": lambda ring: Outcome(0, ring.digest),
    "rekey": lambda ring: Outcome(0, ring.digest),
    "terminal": lambda _: Outcome(5, b"both sizes"),
    "sftp": lambda ring: Outcome(0, ring.digest * 2),
}


def attempt(ring: Ring, client: Client, login: Login, check: str) -> Outcome:
    """One way."""
    match check:
        case "exit code":
            return matrix.exit_code(client, login)
        case "terminal":
            return matrix.terminal(client, login)
        case "sftp":
            return matrix.files(client, login, ring.big, ring.folder)
    return matrix.both_ways(client, login, ring.content, rekey=check == "rekey")


def logins(ring: Ring, client: Client, target: Target) -> str:
    """Each way to log in that the client has beside a plain key, which opens nothing."""
    for by in client.logins:
        done = matrix.exit_code(client, ring.through(target, by))
        if by == "key" and done.out:
            return "a plain key opened it"
        if by != "key" and done.code != 7:
            return f"not by {by}: {done}"
    return "yes"
