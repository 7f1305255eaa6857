"""SSH's part of a decision: what a client's user name says, and what certificates may say of a grant."""

from functools import lru_cache
from ipaddress import ip_address

from hoopwire.model.action import ActionError
from hoopwire.model.grant import Grant
from hoopwire.model.ssh.destinations import read_destination
from hoopwire.model.ssh.login import Allowed
from hoopwire.model.ssh.rights import CompiledSsh
from hoopwire.model.ssh.settings import SshTarget

_HOLES = ("*", "<", ">")
_BESIDE = ("pty", "env ", "forward ", "remote-forward ", "agent-forwarding", "x11")
"""What starts no other program than the one command that a grant may have."""


def parse_ssh_user(user: str) -> tuple[str, str | None, str]:
    """Target, login and task of `[LOGIN@]TARGET[+TASK]`; no login means the target's first.

    Never fails: a malformed name is one that no grant opens, and is answered as such.
    """
    name, _, task = user.partition("+")
    login, at, target = name.rpartition("@")
    return target, login if at else None, task


def without_task(user: str) -> str:
    """What of the user name a certificate speaks about."""
    return user.partition("+")[0]


def user_names(grant: Grant, target: SshTarget) -> tuple[str, ...]:
    """What a client may say as its user name under the grant: `web1` for the first login, `deploy@web1`."""
    names = [f"{login}@{grant.target}" for login in grant.databases]
    return (grant.target, *names) if target.logins[0] in grant.databases else tuple(names)


def allowed_by(rights: CompiledSsh) -> Allowed:
    """What a certificate says of these rights; what is not said, sshd refuses by itself."""
    words = rights.actions
    return Allowed(
        pty="pty" in words,
        port_forwarding=any(word.startswith(("forward ", "remote-forward ")) for word in words),
        agent_forwarding="agent-forwarding" in words,
        x11_forwarding="x11" in words,
        command=_one_command(words),
    )


@lru_cache(maxsize=1024)
def own_places(
    addresses: tuple[str, ...], target_host: str, machine: str, names: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Where a target would find the gateway's listeners, of which `addresses` are the bound `HOST:PORT`.

    `machine` is what the gateway's is called, `names` are those by which clients are told to find it.
    Loopback is the gateway's only where the target is that machine. What else a name leads to, the target
    alone knows.
    """
    bound = [address.rpartition(":") for address in addresses]
    hosts = {host.strip("[]") for host, _, _ in bound}
    is_here = _is_loopback(target_host) or target_host in {*hosts, machine, *names}
    found = []
    for host, _, port in bound:
        is_everywhere = host in ("0.0.0.0", "[::]", "")  # noqa: S104 - what is looked for, not what is listened on
        is_loopback = _is_loopback(host.strip("[]"))
        if is_here and (is_everywhere or is_loopback):
            found.append(f"localhost:{port}")
        if is_everywhere:
            found.append(f"{machine}:{port}")
        elif not is_loopback:
            found.append(f"{host}:{port}")
        if not is_loopback:
            found += [f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in names]
    return tuple(place for text in found if (place := _canonical(text)) is not None)


def _canonical(text: str) -> str | None:
    """As rights have it. Machines have names that no client could ask for: `web_1.7`."""
    try:
        return str(read_destination(text, 0))
    except ActionError:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _one_command(words: tuple[str, ...]) -> str | None:
    """The one literal command, if there is nothing else. A hole, or what may be one, makes it several."""
    others = [word for word in words if not word.startswith(_BESIDE)]
    if len(others) != 1 or not others[0].startswith("exec "):
        return None
    command = others[0].removeprefix("exec ")
    is_literal = not any(hole in command for hole in _HOLES) and not command.endswith(" ...")
    return command if is_literal else None
