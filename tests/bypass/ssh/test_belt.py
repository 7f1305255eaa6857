"""The belt behind the parser: the gateway would let it through, and sshd refuses by the certificate alone.

The engine is given every right; the certificate that it logs in with is what custody signs for a grant of
commands only.
"""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hoopwire.access.ssh import allowed_by
from hoopwire.custody.ssh import AgentsAuthority, TargetsAuthority
from hoopwire.custody.ssh.authorities import certificate_blob
from hoopwire.demo.certificates import Authority
from hoopwire.model.commands import CompiledSsh
from hoopwire.model.ssh.keys import PrivateKey, pkcs8, public_blob
from hoopwire.model.ssh.login import AgentGrant, Allowed, LoginGrant
from support.ssh import Sshd, account, sshd, write_key
from support.ssh_ground import SECRET, Door, door
from support.ssh_house import TARGET, needs
from support.ssh_raw import Raw, raw_client, string, u32

engine = pytest.importorskip("hoopwire._engine")

GRANT = "g_01J8ZQ4Y6V9T3N5R7W1X2Y3Z4A"
EVERYTHING = (
    "shell",
    "pty",
    "forward 127.0.0.1:1-65535",
    "remote-forward localhost:*",
    "agent-forwarding",
    "x11",
    "sftp read /",
    "sftp write /",
)
ONE = ("exec printf only",)
SEVERAL = ("exec printf <name>", "exec uptime")
FORWARDS = ("exec printf only", "forward 127.0.0.1:1-65535", "remote-forward localhost:*")
SCREEN = b"\0" + string("MIT-MAGIC-COOKIE-1") + string("00" * 16) + u32(0)
TERMINAL = string("xterm") + struct.pack("!IIII", 80, 24, 0, 0) + string(b"\0")
encode = msgspec.msgpack.encode


@dataclass
class Keys:
    """All of them."""

    folder: Path
    agents: PrivateKey
    targets: PrivateKey
    host: PrivateKey
    agent: PrivateKey


@dataclass
class Belt:
    """A target, an engine without any control plane, and a file that shows what was done."""

    server: Sshd
    keys: Keys
    engine: Any
    port: int
    door: Door
    marker: Path

    def lease(self, words: tuple[str, ...]) -> bytes:
        """A login with a certificate as for a grant of these words."""
        allowed = allowed_by(CompiledSsh(actions=words, action_texts=words))
        authority = TargetsAuthority(self.keys.targets, valid_s=600, source_addresses=("127.0.0.0/8",))
        wanted = LoginGrant(grant=GRANT, login=account(), expires_at=time.time() + 600, allowed=allowed)
        key, certificate = authority.certify(wanted, time.time())
        login = {
            "key": key,
            "certificate": certificate,
            "host_keys": [public_blob(self.server.host_key.public_key())],
            "host_authorities": [],
            "host_name": TARGET,
        }
        return encode(
            {
                "addresses": [["127.0.0.1", self.server.port]],
                "tls": False,
                "server_name": "",
                "ca_pem": "",
                "client_certificate_pem": "",
                "client_key_pem": "",
                "user": account(),
                "database": "",
                "password": "",
                "login": encode(login),
            }
        )

    @contextmanager
    def session(self, words: tuple[str, ...]) -> Iterator[Raw]:
        """A client whose session has every right, on a certificate for `words`."""
        over = Event()

        def control() -> None:
            while not over.is_set():
                for event in msgspec.msgpack.decode(self.engine.drain_events()):
                    if event["type"] == "GrantNeeded":
                        self.engine.admit(event["session"], every_right(), self.lease(words))
                over.wait(0.01)

        thread = Thread(target=control, daemon=True)
        thread.start()
        folder = self.keys.folder
        try:
            with raw_client(
                self.port, user=TARGET, key=folder / "agent", certificate=folder / "agent-cert.pub"
            ) as raw:
                yield raw
        finally:
            over.set()
            thread.join()


def every_right() -> bytes:
    now = time.time()
    return encode(
        {
            "version": 7,
            "id": GRANT,
            "issuer": "https://dev",
            "principal": "cid:0oa1",
            "principal_name": "agent",
            "principal_kind": "ai_agent",
            "target": TARGET,
            "database": "",
            "rights": {"type": "ssh", "actions": EVERYTHING, "action_texts": EVERYTHING, "own": []},
            "budgets": {"rows": None, "bytes": None, "statements": None, "wall_time_s": None},
            "used": {"rows": 0, "bytes": 0, "statements": 0, "wall_time_s": 0.0},
            "policy": "everything",
            "policy_hash": "00",
            "task": "",
            "record_results": "digest",
            "minted_at": now,
            "expires_at": now + 600,
            "expires_text": "later",
            "deadline_monotonic_ns": time.monotonic_ns() + 600 * 10**9,
            "notice_s": 0.0,
        }
    )


@pytest.fixture(scope="module")
def belt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Belt]:
    folder = tmp_path_factory.mktemp("belt")
    names = ("agents", "targets", "host", "agent")
    keys = Keys(folder, *(write_key(folder / name) for name in names))
    grant = AgentGrant(
        grant=GRANT,
        user_names=(TARGET,),
        minted_at=time.time() - 60,
        expires_at=time.time() + 600,
        allowed=Allowed(),
    )
    line = AgentsAuthority(keys.agents).certify(keys.agent.public_key(), grant)
    (folder / "agent-cert.pub").write_text(line + "\n")
    assert certificate_blob(line)
    permits = ("AllowAgentForwarding yes", "X11Forwarding yes", "PermitTunnel yes", "AcceptEnv *")
    trust = f"TrustedUserCAKeys {folder / 'targets.pub'}"
    with (
        sshd(folder / "sshd", trust, *permits, "Subsystem sftp internal-sftp") as server,
        door(("127.0.0.1", 0)) as listener,
    ):
        made = engine.Engine(encode(engine_config(folder, keys)))
        port = int(made.addresses()[0].rpartition(":")[2])
        yield Belt(server, keys, made, port, listener, folder / "marker")


def engine_config(folder: Path, keys: Keys) -> dict[str, Any]:
    Authority("hoopwire throw-away gateway authority").server("localhost").write(folder, "gateway")
    signing = write_key(folder / "signing").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "recordings").mkdir()
    return {
        "listen": [{"address": "127.0.0.1:0", "protocol": "ssh"}],
        "protocols": {
            "ssh": {
                "host_keys": [{"key": pkcs8(keys.host), "certificate": b""}],
                "agents_authorities": [public_blob(keys.agents.public_key())],
                "prompts": False,
            }
        },
        "reactors": 1,
        "tls_certificate_pem": (folder / "gateway.crt").read_text(),
        "tls_key_pem": (folder / "gateway.key").read_text(),
        "limits": {
            "connections": 100,
            "connections_per_address": 100,
            "unadmitted_per_address": 100,
            "tls_handshake_s": 60.0,
            "startup_s": 60.0,
            "admission_s": 60.0,
            "upstream_login_s": 60.0,
            "statement_bytes": 1 << 20,
        },
        "recording": {
            "directory": str(folder / "recordings"),
            "node": "gw",
            "signing_key_pem": signing.decode(),
            "synced": False,
            "segment_bytes": 1 << 26,
            "seal_after_s": 60.0,
            "checkpoint_every_s": 60.0,
            "floor_bytes": 0,
        },
    }


@pytest.mark.parametrize("words", [ONE, FORWARDS], ids=["alone", "beside forwards"])
def test_another_command_than_the_one_that_is_granted(belt: Belt, words: tuple[str, ...]) -> None:
    """`force-command`: sshd runs the granted one, whatever is asked for."""
    with belt.session(words) as raw:
        for command in (f"touch {belt.marker}", "id; id", "printf only; touch x", "sh"):
            done = raw.run(command)
            assert (done.status, done.out) == (0, b"only")
    assert not belt.marker.exists()


def test_a_shell_or_a_subsystem_in_the_place_of_the_one_command(belt: Belt) -> None:
    mark = len(belt.server.log)
    with belt.session(ONE) as raw:
        shell = raw.open()
        assert shell.answer("shell")
        assert shell.rest().out == b"only"
        # what the command says is no sftp, and the gateway lets none of it through
        files = raw.open()
        files.ask("subsystem", string("sftp"))
        assert files.rest().out in (b"", b"only")
    assert belt.server.log[mark:].count("Starting session: forced-command") == 2


REFUSED: dict[str, Callable[[Raw, Belt], bool]] = {
    "a terminal": lambda raw, _: raw.open().answer("pty-req", TERMINAL),
    "a forward": lambda raw, belt: raw.connect("127.0.0.1", belt.door.port).theirs is not None,
    "a forward to the target": lambda raw, belt: (
        raw.connect("127.0.0.1", belt.server.port).theirs is not None
    ),
    "a listener": lambda raw, _: raw.answer("tcpip-forward", string("localhost") + u32(0)),
    "an agent": lambda raw, _: raw.open().answer("auth-agent-req@openssh.com"),
    "a screen": lambda raw, _: raw.open().answer("x11-req", SCREEN),
}


@pytest.mark.parametrize("words", [ONE, SEVERAL], ids=["one command", "several"])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_sshd_refuses_by_the_certificate(belt: Belt, kind: str, words: tuple[str, ...]) -> None:
    mark = len(belt.server.log)
    with belt.session(words) as raw:
        assert not REFUSED[kind](raw, belt)
        assert raw.ended is None
    said = belt.server.log[mark:]
    assert "Accepted publickey" in said
    if "forward" in kind:
        assert "refused local port forward" in said
    assert belt.door.reached == 0


def test_the_same_with_a_certificate_that_permits_it(belt: Belt) -> None:
    """So that it is the certificate by which sshd refused, and nothing in the gateway."""
    with belt.session(("shell", "pty", "forward 127.0.0.1:1-65535")) as raw:
        assert raw.open().answer("pty-req", TERMINAL)
        assert SECRET.encode() in raw.connect("127.0.0.1", belt.door.port).drain()
        assert raw.answer("tcpip-forward", string("localhost") + u32(0))
        assert not raw.open().answer("auth-agent-req@openssh.com")
        assert not raw.open().answer("x11-req", SCREEN)
        assert raw.run(f"touch {belt.marker}").status == 0
    assert belt.marker.exists()
    belt.marker.unlink()
    belt.door.reached = 0
    with belt.session(("shell", "agent-forwarding", "x11")) as raw:
        assert raw.open().answer("auth-agent-req@openssh.com")
        assert raw.open().answer("x11-req", SCREEN) == (needs("xauth") is not None)
        assert not raw.answer("tcpip-forward", string("localhost") + u32(0))
