"""Each client with each target, directly and through the gateway: the same must come of it.

`python -m support.ssh_peers` prints the whole matrix, and `--write` puts it into docs/protocols/ssh.md.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, plain_environment
from hoopwire.model.ssh.keys import public_line
from support.ssh import account, write_key
from support.ssh_house import SshHouse, ssh_house
from support.ssh_peers.clients import Client
from support.ssh_peers.targets import Ground, Running, Target
from support.ssh_peers.task import By, Login, Task
from support.ssh_peers.terminal import Terminal

BYTES = 5_000_000
TIMEOUT_S = 60.0
QUESTION = "printf 'size-%s-%s.\\n' $(stty size)\r"
POLICIES = [
    {"name": "everything", "groups": ["everything"], "actions": ["shell", "pty"], "ttl": "1h"},
    {"name": "little", "groups": ["little"], "actions": ["exec printf *"], "ttl": "1h"},
    {
        "name": "lender",
        "groups": ["lender"],
        "actions": ["shell", "remote-forward localhost:*", "agent-forwarding"],
        "ttl": "1h",
    },
]


@dataclass
class Ring:
    """A gateway before these targets, and who logs in to it."""

    house: SshHouse
    targets: dict[str, Running]
    folder: Path
    big: Path

    @property
    def content(self) -> bytes:
        """Of the file `big`."""
        return self.big.read_bytes()

    @property
    def digest(self) -> bytes:
        """Of the same, SHA-256."""
        return hashlib.sha256(self.content).digest()

    def direct(self, target: Target) -> Login:
        """Straight to the target, by a plain key."""
        running = self.targets[target.slug]
        folder = self._place(f"direct-{target.slug}", running.port, running.host_key)
        return Login(running.port, account(), "key", folder)

    def through(self, target: Target, by: By, group: str = "everything") -> Login:
        """To the target by the gateway, with a grant of this group."""
        folder = self._place(f"{group}-{target.slug}", self.house.port, self._gateway_key())
        secret = folder / "secret"
        if not secret.exists():
            public = (folder / "id.pub").read_text().strip()
            minted = [self._mint(target, group, **wish) for wish in ({"ssh_public_key": public}, {})]
            (folder / "certificate.pub").write_text(minted[0]["certificate"] + "\n")
            secret.write_text(minted[1]["secret"])
        return Login(self.house.port, target.slug, by, folder)

    def _mint(self, target: Target, group: str, **wish: str) -> dict[str, str]:
        issuer = self.house.issuer
        token = issuer.token(issuer.client(groups=[group], ttl_s=3600).cid)
        answer = self.house.gateway.mint(token, target=target.slug, **wish)
        assert answer.status_code == 201, answer.text
        minted: dict[str, str] = answer.json()
        return minted

    def _gateway_key(self) -> str:
        return (self.house.folder / "keys/host_key.pub").read_text().strip()

    def _place(self, name: str, port: int, host_key: str) -> Path:
        """A folder with one key in all its forms."""
        folder = self.folder / name
        if folder.exists():
            return folder
        folder.mkdir()
        for part in ("id", "id.pub"):
            (folder / part).write_bytes((self.folder / part).read_bytes())
            (folder / part).chmod(0o600)
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
        (folder / "host.pub").write_text(host_key + "\n")
        shown = subprocess.run(
            ["ssh-keygen", "-l", "-f", folder / "host.pub"], capture_output=True, text=True, check=True
        )
        (folder / "fingerprint").write_text(shown.stdout.split()[1])
        for words in (
            ["puttygen", "id", "-O", "private", "-o", "id.ppk"],
            ["dropbearconvert", "openssh", "dropbear", "id", "id.dropbear"],
        ):
            try:
                subprocess.run(words, cwd=folder, capture_output=True, check=True)
            except FileNotFoundError:
                continue
        return folder


@contextmanager
def ring(pg: ThrowAwayPostgres, issuer: DevIssuer, folder: Path, targets: Iterable[Target]) -> Iterator[Ring]:
    """All of them at once, behind one gateway."""
    folder.mkdir(exist_ok=True)
    keys = folder / "house/keys"
    keys.mkdir(parents=True)
    write_key(keys / "targets_ca")
    mine = folder / "logins"
    mine.mkdir()
    plain = write_key(mine / "id")
    authorized = folder / "authorized_keys"
    authorized.write_text(public_line(plain.public_key()) + "\n")
    big = folder / "big"
    big.write_bytes(os.urandom(BYTES))
    running: dict[str, Running] = {}
    with ExitStack() as stack:
        for target in targets:
            ground = Ground(folder / target.slug, keys / "targets_ca.pub", authorized)
            running[target.slug] = stack.enter_context(target.run(ground))
        tables = {
            slug: {
                "protocol": "ssh",
                "host": "127.0.0.1",
                "port": each.port,
                "logins": [account()],
                "host_keys": [each.host_key],
                **each.settings,
            }
            for slug, each in running.items()
        }
        policies = [policy | {"targets": list(running)} for policy in POLICIES]
        house = stack.enter_context(
            ssh_house(pg, issuer, folder / "house", policies, settings={"targets": tables})
        )
        yield Ring(house, running, mine, big)


# What is tried. Each returns what came of it, to be compared with the direct connection.


@dataclass(frozen=True)
class Outcome:
    """What a client showed, in short."""

    code: int
    out: bytes
    err: bytes = b""


def run(client: Client, task: Task, stdin: bytes = b"") -> Outcome:
    """The client does it."""
    command = client.command(task)
    done = subprocess.run(
        command.words,
        input=stdin if command.stdin is None else command.stdin,
        capture_output=True,
        env=plain_environment() | dict(command.variables),
        cwd=task.login.folder,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def exit_code(client: Client, login: Login) -> Outcome:
    """A command's streams and its exit code. A client's own words on stderr are its own affair."""
    done = run(client, Task("exec", login, "echo out; echo err-or >&2; exit 7"))
    return Outcome(done.code, done.out, b"err-or" if b"err-or\n" in done.err else done.err)


def both_ways(client: Client, login: Login, content: bytes, *, rekey: bool = False) -> Outcome:
    """Bytes to a command and back, as their digest."""
    done = run(client, Task("exec", login, "cat", rekey=rekey), content)
    return Outcome(done.code, hashlib.sha256(done.out).digest())


def terminal(client: Client, login: Login) -> Outcome:
    """A shell on a terminal that changes its size and then ends with a code."""
    task = Task("terminal", login)
    command = client.command(task)
    variables = plain_environment() | {"TERM": "xterm"} | dict(command.variables)
    live = Terminal(command.words, variables, login.folder, driven=client.driven)
    try:
        # A shell may drop what was typed before its first prompt.
        for answer, size in ((b"size-24-80.", None), (b"size-40-100.", (40, 100))):
            if size:
                live.resize(*size)
            for _ in range(20):
                live.type(QUESTION)
                if live.until(answer, within_s=2):
                    break
            else:
                raise AssertionError(f"{answer!r} was not shown: {live.shown[-2000:]!r}")
        live.type("exit 5\r")
        return Outcome(live.code(), b"both sizes")
    finally:
        live.close()


def files(client: Client, login: Login, big: Path, folder: Path) -> Outcome:
    """A file there and back."""
    there, back = folder / f"{client.slug}-there", folder / f"{client.slug}-back"
    put = run(client, Task("put", login, local=str(big), remote=str(there)))
    get = run(client, Task("get", login, local=str(back), remote=str(there)))
    digests = [hashlib.sha256(each.read_bytes()).digest() for each in (there, back) if each.exists()]
    for each in (there, back):
        each.unlink(missing_ok=True)
    return Outcome(
        put.code or get.code, b"".join(digests), b"" if put.code == 0 == get.code else put.err + get.err
    )


def refused(client: Client, login: Login) -> Outcome:
    """A command that the grant has not."""
    done = run(client, Task("refused", login, "id"))
    words = b"command_not_granted" in done.err and b"Ask for: exec id" in done.err
    return Outcome(done.code, done.out, b"the words" if words else done.err)
