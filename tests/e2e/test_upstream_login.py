"""The gateway logs in to a real PostgreSQL by every method, and to nobody else."""

import contextlib
import re
import secrets
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hoopwire.demo.certificates import Authority, write_private
from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.frontend import SSL_REQUEST, Frontend, Message, message, startup_packet
from support.wait import audit_events, wait_for, wait_for_audits

PLUS_OFFER = struct.pack("!ii", 8 + 34, 10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
"""AuthenticationSASL as the server sends it on TLS, without its type byte."""
PLAIN_OFFER = struct.pack("!ii", 8 + 15, 10) + b"SCRAM-SHA-256\0\0"
WRONG = "wrong-password-in-the-gateway"

# Target name: upstream user, whether over TLS, the method in the server's own log.
LOGINS = {
    "scram-plain": ("app", False, "scram-sha-256"),
    "scram-plus": ("app", True, "scram-sha-256"),
    "md5": ("app_md5", True, "md5"),
    "md5-plain": ("app_md5", False, "md5"),
    "password": ("app_password", True, "password"),
    "trust": ("app_trust", True, None),
    "trust-plain": ("app_trust", False, None),
    "cert": ("app_cert", True, "cert"),
    "other-name": ("app", True, "scram-sha-256"),
}


class Impostor(threading.Thread):
    """A listener between the gateway and the target: the connections it served, and what it does in each."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._serve = serve
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                peer.settimeout(20)
                threading.Thread(target=self._one, args=(peer,), daemon=True).start()

    def _one(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            self._serve(peer)

    def __enter__(self) -> "Impostor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _relay(client: ssl.SSLSocket, server: ssl.SSLSocket, rewrite: Callable[[bytes], bytes]) -> None:
    client.settimeout(0.02)
    server.settimeout(0.02)
    while True:
        select.select([client, server], [], [], 0.1)
        for source, sink, change in ((client, server, bytes), (server, client, rewrite)):
            try:
                chunk = source.recv(65536)
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            if not chunk:
                return
            sink.sendall(change(chunk))


def _middle(pg: ThrowAwayPostgres, directory: Path, rewrite: Callable[[bytes], bytes]) -> Impostor:
    """A man in the middle whose certificate comes from the authority that the gateway trusts."""
    certificate, key = pg.authority.server().write(directory, f"middle-{secrets.token_hex(4)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(peer: socket.socket) -> None:
        assert peer.recv(8) == SSL_REQUEST
        peer.sendall(b"S")
        with context.wrap_socket(peer, server_side=True) as client, Frontend(pg.host, pg.port) as server:
            server.start_tls(pg.ca)
            _relay(client, server.socket, rewrite)

    return Impostor(serve)


@pytest.fixture(scope="module")
def overheard() -> list[bytes]:
    """All that the target without TLS was sent."""
    return []


@pytest.fixture(scope="module")
def served(pg, issuer, tmp_path_factory, overheard) -> Iterator[RunningGateway]:
    """A gateway with a target for each way to log in, and for each way that must fail."""
    directory = tmp_path_factory.mktemp("upstream")
    stranger = directory / "stranger.crt"
    stranger.write_text(Authority("an authority that signed nothing here").certificate)

    def without_tls(peer: socket.socket) -> None:
        overheard.append(peer.recv(4096))
        peer.sendall(b"N")
        while more := peer.recv(4096):
            overheard.append(more)

    def target(user: str = "app", *, tls: bool = True, **changes: object) -> dict[str, object]:
        secret = write_private(directory / f"{user}.password", pg.password(user))
        common = {"host": pg.host, "port": pg.port, "databases": ["orders"], "user": user}
        over = {"ca": str(pg.ca)} if tls else {"tls": "disable"}
        return {**common, **over, "credential": {"file": str(secret)}, **changes}

    certificate, key = pg.client_certificate
    wrong = write_private(directory / "wrong.password", WRONG)
    rotating = write_private(directory / "rotating.password", "first-password")
    with (
        _middle(pg, directory, bytes) as middle,
        _middle(pg, directory, lambda sent: sent.replace(PLUS_OFFER, PLAIN_OFFER)) as downgrader,
        Impostor(without_tls) as plaintext,
    ):
        targets = {
            "scram-plain": target(tls=False),
            "scram-plus": target(),
            "md5": target("app_md5"),
            "md5-plain": target("app_md5", tls=False),
            "password": target("app_password"),
            "password-plain": target("app_password", tls=False),
            "trust": target("app_trust", credential={"trust": True}),
            "trust-plain": target("app_trust", tls=False, credential={"trust": True}),
            "cert": target("app_cert", credential={"certificate": str(certificate), "key": str(key)}),
            "other-name": target(server_name="localhost"),
            "no-credential": target(credential={"trust": True}),
            "no-certificate": target("app_cert"),
            "wrong-password": target(credential={"file": str(wrong)}),
            "wrong-password-md5": target("app_md5", credential={"file": str(wrong)}),
            "wrong-authority": target(ca=str(stranger)),
            "wrong-name": target(server_name="db.example"),
            "without-tls": target(port=plaintext.port),
            "middle": target(port=middle.port),
            "middle-password": target("app_password", port=middle.port),
            "downgrade": target(port=downgrader.port),
            "rotating": target() | {"user": "rotating", "credential": {"file": str(rotating)}},
        }
        policy = {
            "name": "all",
            "groups": ["order-agents"],
            "targets": list(targets),
            "actions": ["query"],
            "max_sessions": 50,
        }
        pg.psql("alter system set log_connections = on")
        pg.psql("select pg_reload_conf()")
        try:
            with RunningGateway(
                pg, issuer.issuer, settings={"targets": targets, "policies": [policy]}
            ) as gateway:
                yield gateway
                assert "panic" not in gateway.log.lower(), gateway.log[-4000:]
        finally:
            pg.psql("alter system reset log_connections")
            pg.psql("select pg_reload_conf()")


@pytest.mark.parametrize("name", LOGINS)
def test_login(served, agent, pg, name):
    """Each method works, and the server says itself which one it was and whether on TLS."""
    user, tls, method = LOGINS[name]
    done = served.psql(
        agent(),
        name,
        "select pid, current_user, ssl, client_dn, current_setting('application_name')"
        " from pg_stat_ssl where pid = pg_backend_pid()",
    )
    assert done.ok, done.err
    pid, current_user, ssl_on, subject, application = done.out.split("|")
    assert (current_user, ssl_on) == (user, "t" if tls else "f")
    assert subject == ("/CN=app_cert" if method == "cert" else "")
    assert application.startswith("hoopwire/g_")
    said = [line for line in pg.log.splitlines() if f"[{pid}]" in line]
    authenticated = [
        re.search(r'connection authenticated: identity="(.*)" method=([\w-]+)', line) for line in said
    ]
    methods = [found[2] for found in authenticated if found]
    assert methods == ([method] if method else []), said


def _refused(gateway: RunningGateway, token: str, database: str) -> Message:
    """The FATAL error that a principal gets instead of a session."""
    with Frontend(gateway.host, gateway.port) as frontend:
        frontend.start_tls(gateway.ca)
        frontend.send(startup_packet({"user": "agent", "database": database}))
        assert frontend.read() == Message(b"R", struct.pack("!i", 3))
        frontend.send(message(b"p", token.encode() + b"\0"))
        refusal = frontend.read()
        assert refusal.kind == b"E", refusal
        assert refusal.fields["S"] == "FATAL"
        assert frontend.rest() == b""
        return refusal


def _assert_refused(gateway: RunningGateway, token: str, pg: ThrowAwayPostgres, name: str) -> str:
    """Refused as a failing target, nothing of the upstream in the words; the audit event's reason."""
    target = gateway.settings["targets"][name]
    before = len(audit_events(gateway, "session.ended", target=name, code="08006"))
    refusal = _refused(gateway, token, name)
    assert refusal.sqlstate == "08006", refusal.fields
    assert refusal.fields["H"]
    heard = " ".join(refusal.fields.values())
    user = target["user"]
    for word in (user, target["host"], str(target["port"]), str(pg.port), WRONG, "localhost", "db.example"):
        assert not re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", heard), f"{word!r} in {heard!r}"
    if user != "rotating":
        assert pg.password(user) not in heard
    event = wait_for_audits(gateway, "session.ended", before + 1, target=name, code="08006")[-1]
    assert event["by"] == "upstream"
    assert WRONG not in gateway.log
    return str(event["reason"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong-password", "password authentication failed"),
        ("wrong-password-md5", "password authentication failed"),
        ("no-credential", "asks for a password and none is configured"),
        ("no-certificate", "connection requires a valid client certificate"),
        ("password-plain", "TLS"),
        ("wrong-authority", "UnknownIssuer"),
        ("wrong-name", "not valid for name"),
        ("without-tls", "does not offer TLS"),
        ("middle", "SCRAM channel binding check failed"),
        ("downgrade", "SCRAM channel binding negotiation error"),
    ],
)
def test_refused(served, agent, pg, name, reason):
    """A target that is not the one, or does not take the credential: the principal hears only that.

    The operator's audit event has the precise reason.
    """
    assert reason in _assert_refused(served, agent(), pg, name)


def test_without_tls_hears_nothing(served, agent, pg, overheard):
    """A target that refuses TLS gets the SSLRequest and not a byte more: no user, no password."""
    _assert_refused(served, agent(), pg, "without-tls")
    assert overheard
    assert set(overheard) == {SSL_REQUEST}


def test_cleartext_password_without_tls_never_leaves(served, agent, pg):
    """Asked for a cleartext password outside TLS, even on loopback, the gateway hangs up: no login failed."""
    before = len(pg.log)
    _assert_refused(served, agent(), pg, "password-plain")
    said = pg.log[before:]
    assert "password authentication failed" not in said
    assert "user=app_password" not in said


def test_channel_binding_is_what_stops_the_middle(served, agent, pg):
    """The same man in the middle gets through where nothing binds the login to the TLS connection.

    So his certificate is good, and what refused him before was SCRAM-SHA-256-PLUS, checked by the server.
    """
    done = served.psql(agent(), "middle-password", "select current_user")
    assert (done.code, done.out) == (0, "app_password"), done.err
    before = len(pg.log)
    _assert_refused(served, agent(), pg, "middle")
    wait_for(lambda: "SCRAM channel binding check failed" in pg.log[before:], "the server's own word")


def test_rotated_password(served, agent, pg):
    """Kept SCRAM keys die with their password: the file's next content counts, without a reload."""
    path = Path(served.settings["targets"]["rotating"]["credential"]["file"])
    pg.psql("create role rotating login password 'first-password' in role app")
    try:
        for _ in range(3):
            assert served.psql(agent(), "rotating", "select current_user").out == "rotating"
        assert pg.psql("alter role rotating password 'second-password'").ok
        reason = _assert_refused(served, agent(), pg, "rotating")
        assert "password authentication failed" in reason
        write_private(path, "second-password")
        for _ in range(3):
            assert served.psql(agent(), "rotating", "select current_user").out == "rotating"
        # The same password with a new salt.
        assert pg.psql("alter role rotating password 'second-password'").ok
        assert served.psql(agent(), "rotating", "select current_user").out == "rotating"
    finally:
        pg.psql("drop role rotating")
        write_private(path, "first-password")
