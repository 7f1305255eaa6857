"""SSH's part of a decision: what a client's user name says, and what certificates may say of a grant."""

from hoopwire.model.grant import Grant
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


def _one_command(words: tuple[str, ...]) -> str | None:
    """The one literal command, if there is nothing else. A hole, or what may be one, makes it several."""
    others = [word for word in words if not word.startswith(_BESIDE)]
    if len(others) != 1 or not others[0].startswith("exec "):
        return None
    command = others[0].removeprefix("exec ")
    is_literal = not any(hole in command for hole in _HOLES) and not command.endswith(" ...")
    return command if is_literal else None
