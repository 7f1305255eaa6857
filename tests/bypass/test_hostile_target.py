"""A target that lies: the gateway must not burn, crash, hang, or pass on what it cannot record."""

import base64
import hashlib
import hmac
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.postgres import Outcome
from support.frontend import Frontend, message

AUTH_OK = message(b"R", struct.pack("!i", 0))
READY = message(b"Z", b"I")
SASL = message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0")
KEY = message(b"K", struct.pack("!ii", 1234, 5678))
WELCOME = (
    AUTH_OK
    + message(b"S", b"server_version\x0015.0\0")
    + message(b"S", b"client_encoding\0UTF8\0")
    + KEY
    + READY
)


class Peer:
    """One accepted connection of the scripted target, after its startup packet."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.password = b""

    def take(self, count: int) -> bytes:
        """Exactly this many bytes."""
        taken = b""
        while len(taken) < count:
            chunk = self.connection.recv(count - len(taken))
            if not chunk:
                raise ConnectionError("the gateway closed")
            taken += chunk
        return taken

    def read(self) -> "tuple[bytes, bytes]":
        """The next message."""
        head = self.take(5)
        return head[:1], self.take(struct.unpack("!i", head[1:])[0] - 4)

    def send(self, content: bytes) -> None:
        """Send as it is."""
        self.connection.sendall(content)

    def hold(self) -> None:
        """Wait until the gateway closes."""
        while self.connection.recv(65536):
            pass

    def scram(
        self, iterations: object = 4096, *, pad: int = 0, own_nonce: bool = False, proof: bool = True
    ) -> None:
        """SCRAM as a server, with whatever is wrong about it."""
        self.send(SASL)
        _, first = self.read()
        client_first = first.split(b"\0", 1)[1][4:]
        bare = client_first.split(b",", 2)[2]
        nonce = b"mine" if own_nonce else bare.split(b"r=")[1] + b"x" * (12 + pad)
        salt = base64.b64encode(b"salt" * 4)
        server_first = b"r=" + nonce + b",s=" + salt + b",i=" + str(iterations).encode()
        self.send(message(b"R", struct.pack("!i", 11) + server_first))
        _, final = self.read()
        unproven = final.rpartition(b",p=")[0]
        salted = hashlib.pbkdf2_hmac("sha256", self.password, b"salt" * 4, int(str(iterations)))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        signed = b",".join([bare, server_first, unproven])
        signature = hmac.digest(server_key, signed, "sha256") if proof else b"?" * 32
        self.send(message(b"R", struct.pack("!i", 12) + b"v=" + base64.b64encode(signature)))


def _greet(peer: Peer) -> None:
    """A login as it should be."""
    peer.scram()
    peer.send(WELCOME)


def _answer_query(answer: bytes) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        _greet(peer)
        while True:
            kind, _ = peer.read()
            if kind == b"Q":
                peer.send(answer)
            if kind == b"X":
                return

    return script


def _send(content: bytes) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.send(content)
        peer.hold()

    return script


def _endless_parameters(peer: Peer) -> None:
    peer.send(AUTH_OK)
    while True:
        peer.send(message(b"S", b"name\0" + b"v" * 4000 + b"\0") * 16)


COLUMN = message(b"T", struct.pack("!h", 1) + b"n\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0))
COMPLETE = message(b"C", b"SELECT 1\0")

LOGINS: "dict[str, Callable[[Peer], None]]" = {
    "2^31-1 SCRAM iterations": lambda peer: peer.scram(2**31 - 1),
    "zero iterations": lambda peer: peer.scram(0),
    "iterations that are no number": lambda peer: peer.scram("many"),
    "a 1 MB nonce": lambda peer: peer.scram(pad=1 << 20),
    "a nonce of its own": lambda peer: peer.scram(own_nonce=True),
    "no knowledge of the password": lambda peer: peer.scram(proof=False),
    "AuthenticationOk in the midst of SCRAM": lambda peer: (peer.send(SASL), peer.read(), peer.send(WELCOME)),
    "an unknown authentication": _send(message(b"R", struct.pack("!i", 99))),
    "an empty authentication request": _send(message(b"R")),
    "length -1": _send(b"R" + struct.pack("!i", -1) + b"x" * 100),
    "length 3": _send(b"R" + struct.pack("!i", 3) + b"x" * 100),
    "length 2^31-1": _send(b"R" + struct.pack("!i", 2**31 - 1) + b"x" * 100),
    "an error without SQLSTATE": _send(message(b"E", b"SFATAL\0Mgo away\0\0")),
    "an error without anything": _send(message(b"E", b"\0")),
    "an error of 4 GiB": _send(b"E\xff\xff\xff\xff"),
    "ReadyForQuery before authentication": _send(READY),
    "a DataRow before authentication": _send(message(b"D", struct.pack("!h", 0))),
    "parameters without end": _endless_parameters,
    "silence": lambda peer: peer.hold(),
    "a close": lambda peer: None,
    "HTTP": _send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
}

ANSWERS = {
    "an error without SQLSTATE": message(b"E", b"SERROR\0Mno state\0\0") + READY,
    "an error without a terminator": message(b"E", b"SERROR") + READY,
    "a DataRow with a negative count": COLUMN + message(b"D", struct.pack("!h", -1)) + COMPLETE + READY,
    "a DataRow with too few fields": COLUMN + message(b"D", struct.pack("!h", 5)) + COMPLETE + READY,
    "a cell longer than its row": COLUMN
    + message(b"D", struct.pack("!hi", 1, 1000) + b"x")
    + COMPLETE
    + READY,
    "a cell of -2": COLUMN + message(b"D", struct.pack("!hi", 1, -2)) + COMPLETE + READY,
    "a row without a description": message(b"D", struct.pack("!hi", 1, 1) + b"x") + COMPLETE + READY,
    "a description of 32,767 columns in no bytes": message(b"T", struct.pack("!h", 32767)) + COMPLETE + READY,
    "a negative length": b"D" + struct.pack("!i", -5) + b"x" * 100,
    "length 0": b"D" + struct.pack("!i", 0) + b"x" * 100,
    "a length of 2^31-1, then nothing": b"D" + struct.pack("!i", 2**31 - 1) + b"x",
    "an unknown type": message(b"~", b"hello") + READY,
    "ReadyForQuery with an unknown status": message(b"Z", b"?"),
    "ReadyForQuery twice": COMPLETE + READY + READY,
    "authentication once more": message(b"R", struct.pack("!i", 3)),
    "a second cancel key": message(b"K", struct.pack("!ii", 6666, 6666)) + COMPLETE + READY,
    "standard_conforming_strings off": message(b"S", b"standard_conforming_strings\0off\0")
    + COMPLETE
    + READY,
    "COPY in that nobody asked for": message(b"G", b"\0\0\0"),
    "a close in the middle of a row": COLUMN + b"D" + struct.pack("!i", 1000) + b"x" * 10,
}


class HostileTarget:
    """Listens on loopback; the database of the startup packet names the script."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.password = b""
        self.scripts: dict[str, Callable[[Peer], None]] = {}
        self.names: dict[str, str] = {}
        everything = [
            *LOGINS.items(),
            *((f"answers {name}", _answer_query(a)) for name, a in ANSWERS.items()),
        ]
        for number, (name, script) in enumerate(everything):
            self.scripts[f"script{number}"] = script
            self.names[name] = f"script{number}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        peer = Peer(connection)
        peer.password = self.password
        with connection:
            try:
                body = peer.take(struct.unpack("!i", peer.take(4))[0] - 4)
                fields = body[4:].split(b"\0")
                if b"database" in fields:
                    self.scripts[fields[fields.index(b"database") + 1].decode()](peer)
            except (OSError, ValueError, IndexError, OverflowError):
                return


@pytest.fixture(scope="module")
def target() -> Iterator[HostileTarget]:
    hostile = HostileTarget()
    yield hostile
    hostile.listener.close()


@pytest.fixture(scope="module")
def beset(pg, issuer, target) -> Iterator[RunningGateway]:
    """A gateway whose target `hostile` is the scripted one."""
    target.password = pg.password("app").encode()
    settings = {
        "limits": {"upstream_login": "3s"},
        "policies": [
            {
                "name": "all",
                "groups": [GROUP],
                "targets": ["hostile/*", "orders"],
                "actions": ["query"],
            }
        ],
    }
    gateway = RunningGateway(pg, issuer.issuer, settings=settings)
    upstream = {
        "host": "127.0.0.1",
        "port": target.port,
        "user": "app",
        "tls": "disable",
        "databases": list(target.scripts),
        "credential": {"file": str(gateway.directory / "upstream.password")},
    }
    gateway.configure({"targets": {"hostile": upstream}})
    with gateway:
        yield gateway
        assert "panic" not in gateway.log.lower(), gateway.log[-4000:]
        verified = gateway.verify()
        assert verified.ok, verified


def _ask(gateway: RunningGateway, target: HostileTarget, issuer, name: str) -> Outcome:
    token = issuer.token(issuer.client(groups=[GROUP], ttl_s=3600).cid)
    return gateway.psql(token, f"hostile/{target.names[name]}", "select 1")


@pytest.mark.parametrize("name", LOGINS)
def test_login(beset, target, issuer, agent, name):
    """The session is refused within the login's deadline, cheaply, and without the password in any text."""
    cpu_before = _cpu_s(beset)
    done = _ask(beset, target, issuer, name)
    assert done.code == 2, done
    assert _cpu_s(beset) - cpu_before < 3, "a hostile target burnt CPU"
    assert target.password.decode() not in done.err
    assert beset.psql(agent(), "orders", "select 1").out == "1"


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(beset, target, issuer, agent, name):
    """The statement's answer is passed on or the session is ended with an error; the gateway goes on."""
    token = issuer.token(issuer.client(groups=[GROUP], ttl_s=3600).cid)
    with Frontend(beset.host, beset.port, timeout_s=3) as frontend:
        frontend.login(token, ca=beset.ca, database=f"hostile/{target.names[f'answers {name}']}")
        try:
            replies = frontend.query("select 1")
        except (ConnectionError, TimeoutError):
            replies = []
        # Never an authentication request, never another cancel key: these two are the gateway's own.
        assert not [reply for reply in replies if reply.kind in (b"R", b"K")]
    assert beset.psql(agent(), "orders", "select 1").out == "1"


def _cpu_s(gateway: RunningGateway) -> float:
    fields = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
