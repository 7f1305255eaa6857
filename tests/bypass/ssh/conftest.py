"""Where attempts over ssh are made: a target that permits all it can, and grants that permit little."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hoopwire.custody.ssh import TargetsAuthority
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from hoopwire.model.ssh.keys import read_private_key
from hoopwire.model.ssh.login import Allowed, LoginGrant
from support.ssh import account
from support.ssh_attempts import in_bytes, ssh_attempts
from support.ssh_ground import SECRET, Door, Ground, door
from support.ssh_house import TARGET, Agent, SshHouse, identity, ssh_house
from support.ssh_raw import Raw, raw_client

OTHER = "web2"
"""Another name of the same sshd, which no policy of the attempts opens."""
RUNNER = (
    "exec tail -n <int> @open@/*",
    "exec cat @open@/*",
    "exec grep -n -e <text> @open@/* ...",
    "exec find @open@ -name <text>",
    "exec tar cf - @open@",
    "exec sed -n 1,10p @open@/*",
    "exec awk '{print $1}' @open@/*",
    "exec git-upload-pack @repo@",
    "exec git -C @repo@ log --oneline -n <int>",
    "exec rsync --server --sender -logDtpre.iLsfxCIvu . @open@/",
    "exec less @open@/*",
    "exec sort -n @open@/*",
    "exec bash @open@/hello.sh",
    "exec python3 @open@/hello.py",
    "exec perl @open@/hello.pl",
    "exec printf <name>",
    "exec date +%s",
    "env LANG",
    "env LC_*",
)
GOOD = "printf hello"
"""A command that each of the grants below has, except `files`."""
GRANTS: dict[str, tuple[str, ...]] = {
    "runner": RUNNER,
    "operator": next(each.actions for each in ssh_attempts() if each.grant == "operator"),
    "files": ("read-files on @open@", "sftp write @up@"),
    "shell": ("shell",),
    "forwarder": (
        "exec printf <name>",
        "forward *.example.com:1-65535",
        "forward app.internal:1-65535",
        "forward 10.0.0.0/8:1-65535",
        "forward [::/0]:1-65535",
        "forward @ground@/app.sock",
        "remote-forward localhost:8080",
    ),
    "listener": (
        "exec printf <name>",
        "remote-forward localhost:*",
        "remote-forward @up@/in.sock",
        "forward 127.0.0.1:1-2",
    ),
    "other-listener": ("exec printf <name>", "remote-forward localhost:*"),
    "loopback": ("exec printf <name>", "forward 127.0.0.1:1-65535", "forward localhost:1-65535"),
}
SSHD = (
    "LogLevel DEBUG1",
    "AcceptEnv *",
    "PermitTunnel yes",
    "X11Forwarding yes",
    "GatewayPorts clientspecified",
    "StreamLocalBindUnlink yes",
    f"Subsystem {SECRET} /bin/echo {SECRET}",
)
"""What the target permits beyond its defaults: it is the gateway that has to refuse."""
_HEARD = re.compile(
    r"server_input_channel_req: channel \d+ request (\S+) reply"
    r"|server_input_channel_open: ctype (\S+) rchan"
    r"|server_input_global_request: rtype (\S+) want_reply"
)


@dataclass
class Siege:
    """The house, the ground, and who may do what."""

    house: SshHouse
    ground: Ground
    tcp: Door
    tcp6: Door
    path: Door
    agents: dict[str, Agent]

    def agent(self, grant: str) -> Agent:
        """Somebody with the grant of this name."""
        if grant not in self.agents:
            self.agents[grant] = self.house.admitted(grant, grant)
        return self.agents[grant]

    def raw(self, grant: str, user: str = TARGET) -> Any:
        """A scripted client of that agent: a context manager."""
        agent = self.agent(grant)
        return raw_client(self.house.port, user=user, key=agent.key, certificate=agent.certificate)

    @property
    def log_bytes(self) -> int:
        """How long the target's log is."""
        return (self.house.server.folder / "sshd.log").stat().st_size

    def logins(self, since: int) -> int:
        """How often somebody was let in at the target since its log was so long."""
        return self._log(since).count("Accepted publickey")

    def _log(self, since: int) -> str:
        with (self.house.server.folder / "sshd.log").open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def heard(self, since: int) -> list[str]:
        """The requests and opens that have reached the target since its log was so long."""
        return [next(filter(None, found.groups())) for found in _HEARD.finditer(self._log(since))]


class Line:
    """A connection of one grant that many attempts share; a new one if an attempt has ended it."""

    def __init__(self, siege: Siege, grant: str) -> None:
        self._siege = siege
        self._grant = grant
        self._raw: Raw | None = None
        self._stack = ExitStack()

    def up(self) -> Raw:
        """The connection, which works."""
        if self._raw is None or self._raw.ended is not None:
            self._stack.close()
            self._raw = self._stack.enter_context(self._siege.raw(self._grant))
        return self._raw

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def bad(siege: Siege) -> bytes:
    """A command that the grant does not have."""
    return siege.ground.text("touch @marker@").encode()


@pytest.fixture(scope="session")
def siege(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Siege]:
    """One for all attempts."""
    folder = tmp_path_factory.mktemp("siege")
    kept = tuple(Path.home() / name for name in (".ssh/authorized_keys", ".ssh/rc", ".bashrc", ".profile"))
    ground = Ground(folder / "ground", kept)
    ground.lay()
    policies = [
        {
            "name": name,
            "groups": [name],
            "targets": [TARGET],
            "actions": [ground.text(action) for action in actions],
            "ttl": "1h",
            "max_sessions": 100,
        }
        for name, actions in GRANTS.items()
    ]
    elsewhere = {"name": "elsewhere", "groups": ["elsewhere"], "targets": [OTHER], "actions": ["shell"]}
    policies.append({**elsewhere, "ttl": "1h", "max_sessions": 100})
    with (
        door(("127.0.0.1", 0)) as tcp,
        door(("::1", 0)) as tcp6,
        door(str(folder / "door.sock")) as path,
        ssh_house(pg, issuer, folder / "house", policies, sshd_lines=SSHD, targets=(TARGET, OTHER)) as house,
    ):
        ground.doors = [tcp, tcp6, path]
        before = ground.digest()
        yield Siege(house, ground, tcp, tcp6, path, {})
        assert house.gateway.verify().ok
    # what ran on behind an attempt's back had the whole run to do its harm
    assert ground.digest() == before


@pytest.fixture
def unharmed(siege: Siege) -> Iterator[Siege]:
    """Nothing at the target is different after the test."""
    before = siege.ground.digest()
    yield siege
    after = siege.ground.digest()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if changed:
        siege.ground.lay()
    assert changed == set()


@pytest.fixture(scope="session")
def straight(siege: Siege, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raw]:
    """A connection to the target itself, which may do all that sshd permits."""
    folder = tmp_path_factory.mktemp("straight")
    certificate = straight_identity(siege.house, folder)
    with raw_client(
        siege.house.server.port, user=account(), key=folder / "id", certificate=certificate
    ) as raw:
        yield raw


def straight_identity(house: SshHouse, folder: Path) -> Path:
    """A certificate of the targets' CA for the target itself, `id-cert.pub`; the key is `id` beside it."""
    authority = TargetsAuthority(read_private_key((house.keys / "targets_ca").read_bytes()), valid_s=3600)
    everything = Allowed(pty=True, port_forwarding=True, agent_forwarding=True, x11_forwarding=True)
    wanted = LoginGrant(grant="g_straight", login=account(), expires_at=2**33, allowed=everything)
    return identity(folder, authority, wanted)


@dataclass(frozen=True)
class Command:
    """A line of commands.txt."""

    code: str
    kind: str
    text: bytes
    is_real: bool
    """It does harm at the target itself."""
    line: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.line}"

    def at(self, ground: Ground) -> bytes:
        """With the places in it."""
        return in_bytes(ground.text(self.text.decode()))

    @property
    def can_run(self) -> bool:
        """Its programs are there."""
        words = self.text.decode().split()
        return all(shutil.which(word) for word in words if word in ("rsync", "perl", "vim", "git", "script"))


def commands() -> list[Command]:
    """All lines of commands.txt."""
    found: list[Command] = []
    code, kind = "", ""
    for number, line in enumerate(Path(__file__).with_name("commands.txt").read_text().splitlines(), 1):
        if line.startswith("-- "):
            code, _, kind = line[3:].partition(": ")
        elif line and not line.startswith("#"):
            found.append(
                Command(code, kind, line.removeprefix("? ").encode(), not line.startswith("? "), number)
            )
    return found
