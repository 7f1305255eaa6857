"""Logins that open nothing: others' certificates, names that are not this grant's, secrets that are none."""

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
    load_ssh_public_identity,
)

from support.ssh_house import TARGET, Agent
from support.ssh_raw import DATA, GLOBAL, OPEN, PATIENCE_S, REQUEST, string, u32
from support.wait import wait_for_audit

from .conftest import OTHER, Siege

FAILURE_OF_LOGIN = 51
FOR_EVER = 2**64 - 1


@dataclass
class Offer:
    """What a client logs in with; whatever is None it does not have."""

    key: Any = None
    certificate: bytes | None = None
    password: str | None = None
    responses: list[str] | None = None
    user: str = TARGET


class _Deaf:
    """In the place of asyncssh's login: it takes every answer, and does nothing with it."""

    def log_received_packet(self, *_: Any) -> None:
        """Nothing is logged."""

    def process_packet(self, *_: Any) -> bool:
        """Nothing is done."""
        return True

    def cancel(self) -> None:
        """Nothing is under way."""


class _Client(asyncssh.SSHClient):
    """Answers prompts, and can send packets before it is let in."""

    def __init__(self, offer: Offer, early: tuple[tuple[int, bytes], ...]) -> None:
        self._offer = offer
        self._early = early
        self._connection: Any = None
        self._gone = asyncio.Event()

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()

    async def public_key_auth_requested(self) -> None:
        if self._early:
            self._connection._auth = _Deaf()
            usual = self._connection._packet_handlers
            self._connection._packet_handlers = {**usual, FAILURE_OF_LOGIN: lambda *_: None}
            self._connection._auth_complete = True
            for kind, payload in self._early:
                self._connection.send_packet(kind, payload)
            self._connection._auth_complete = False
            # what the other side says to it is the answer
            await self._gone.wait()

    def kbdint_auth_requested(self) -> str | None:
        return "" if self._offer.responses else None

    def kbdint_challenge_received(self, *_: Any) -> list[str]:
        return [self._offer.responses.pop(0)] if self._offer.responses else []


class _Pair(asyncssh.SSHKeyPair):
    """A key, and any blob beside it: asyncssh would refuse to offer another's certificate."""

    def __init__(self, offer: Offer) -> None:
        self._own = asyncssh.read_private_key(offer.key)
        blob = offer.certificate or self._own.public_data
        name = blob[4 : 4 + int.from_bytes(blob[:4])]
        super().__init__(name, name, (b"ssh-ed25519",), (name,), blob, None)

    def set_sig_algorithm(self, sig_algorithm: bytes) -> None:
        """There is one."""

    def sign(self, data: bytes) -> bytes:
        return self._own.sign(data, b"ssh-ed25519")


async def _login(port: int, offer: Offer, early: tuple[tuple[int, bytes], ...]) -> str:
    keys = [_Pair(offer)] if offer.key is not None else None
    try:
        connection, _ = await asyncio.wait_for(
            asyncssh.create_connection(
                lambda: _Client(offer, early),
                "127.0.0.1",
                port,
                config=None,
                known_hosts=None,
                agent_path=None,
                username=offer.user,
                password=offer.password,
                client_keys=keys,
                login_timeout=PATIENCE_S,
            ),
            PATIENCE_S,
        )
    except (asyncssh.Error, OSError) as error:
        return str(error) or type(error).__name__
    connection.abort()
    return ""


def log_in(siege: Siege, offer: Offer, *early: tuple[int, bytes]) -> str:
    """Why it was refused; empty if it was not."""
    # names go as they are, not as asyncssh would spell them
    with mock.patch("asyncssh.connection.saslprep", lambda text: text):
        return asyncio.run(_login(siege.house.port, offer, early))


@dataclass
class Forge:
    """Makes certificates of any kind: the tests have all keys."""

    siege: Siege
    agent: Agent
    other: Agent

    def private(self, agent: Agent) -> Any:
        return load_ssh_private_key(agent.key.read_bytes(), None)

    def authority(self, name: str) -> Any:
        return load_ssh_private_key((self.siege.house.keys / name).read_bytes(), None)

    def grant(self, agent: Agent) -> bytes:
        """The key id of its certificate."""
        return load_ssh_public_identity(agent.certificate.read_bytes()).key_id  # type: ignore[union-attr]

    def blob(self, agent: Agent) -> bytes:
        return base64.b64decode(agent.certificate.read_text().split()[1])

    def make(
        self,
        *,
        ca: str = "agents_ca",
        by: Any = None,
        key: Any = None,
        kind: SSHCertificateType = SSHCertificateType.USER,
        key_id: bytes | None = None,
        names: tuple[bytes, ...] = (TARGET.encode(),),
        after: float = 0,
        before: float = FOR_EVER,
        options: dict[bytes, bytes] | None = None,
    ) -> bytes:
        """One over the agent's key, with its grant's id, unless told otherwise."""
        builder = (
            SSHCertificateBuilder()
            .public_key((key or self.private(self.agent)).public_key())
            .serial(1)
            .type(kind)
            .key_id(self.grant(self.agent) if key_id is None else key_id)
            .valid_after(int(after))
            .valid_before(int(before))
        )
        builder = builder.valid_principals(list(names)) if names else builder.valid_for_all_principals()
        for name, value in (options or {}).items():
            builder = builder.add_critical_option(name, value)
        line = builder.sign(by or self.authority(ca)).public_bytes()
        return base64.b64decode(line.split()[1])


@pytest.fixture(scope="module")
def forge(siege: Siege) -> Forge:
    return Forge(siege, siege.agent("runner"), siege.agent("shell"))


def stranger(forge: Forge) -> bytes:
    return forge.make(by=ed25519.Ed25519PrivateKey.generate())


def by_itself(forge: Forge) -> bytes:
    return forge.make(by=forge.private(forge.agent))


def flipped(forge: Forge) -> bytes:
    blob = forge.blob(forge.agent)
    return blob[:-1] + bytes([blob[-1] ^ 1])


def other_name_in_a_signed_one(forge: Forge) -> bytes:
    """The signature was made over `web1`."""
    return forge.blob(forge.agent).replace(b"web1", b"web2", 1)


CERTIFICATES: dict[str, tuple[Callable[[Forge], bytes], str]] = {
    "signed by a stranger": (stranger, ""),
    "signed by its own key": (by_itself, ""),
    "signed by the targets' CA": (lambda forge: forge.make(ca="targets_ca"), ""),
    "signed by the gateway's host key": (lambda forge: forge.make(ca="host_key"), ""),
    "with another signature": (flipped, ""),
    "changed behind its signature": (other_name_in_a_signed_one, ""),
    "of a host": (lambda forge: forge.make(kind=SSHCertificateType.HOST), ""),
    "expired": (
        lambda forge: forge.make(after=time.time() - 900, before=time.time() - 300),
        "certificate_expired",
    ),
    "not yet good": (lambda forge: forge.make(after=time.time() + 3600), "certificate_not_yet_valid"),
    "for another target": (lambda forge: forge.make(names=(OTHER.encode(),)), "certificate_other_name"),
    "for a name that begins like it": (lambda forge: forge.make(names=(b"web11",)), "certificate_other_name"),
    "for a pattern": (lambda forge: forge.make(names=(b"web*", b"*")), "certificate_other_name"),
    "for nobody": (lambda forge: forge.make(names=()), "certificate_other_name"),
    "from another address": (
        lambda forge: forge.make(options={b"source-address": b"192.0.2.0/24"}),
        "certificate_other_address",
    ),
    "with an option that nobody knows": (
        lambda forge: forge.make(options={b"verify-required@example.com": b""}),
        "certificate_option_unknown",
    ),
    "of a grant that is not there": (
        lambda forge: forge.make(key_id=b"g_01J8ZQ4Y6V9T3N5R7W1X2Y3Z4A"),
        "certificate_unbound",
    ),
    "with no grant": (lambda forge: forge.make(key_id=b""), "certificate_unbound"),
    "of another's grant over its own key": (
        lambda forge: forge.make(key_id=forge.grant(forge.other)),
        "certificate_unbound",
    ),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_a_certificate_that_opens_nothing(unharmed: Siege, forge: Forge, kind: str) -> None:
    make, code = CERTIFICATES[kind]
    mark = unharmed.log_bytes
    reason = log_in(unharmed, Offer(key=str(forge.agent.key), certificate=make(forge)))
    assert reason != ""
    assert unharmed.logins(mark) == 0
    if code:
        # a wrong CA never gets as far as the control plane
        assert wait_for_audit(unharmed.house.gateway, "session.denied", code=code)


def test_what_the_forge_makes_is_refused_for_the_one_thing_that_is_wrong(siege: Siege, forge: Forge) -> None:
    """With nothing wrong it is let in."""
    assert log_in(siege, Offer(key=str(forge.agent.key), certificate=forge.make())) == ""
    own = Offer(key=str(forge.agent.key), certificate=forge.blob(forge.agent))
    assert log_in(siege, own) == ""


def test_anothers_certificate_with_a_signature_of_ones_own_key(unharmed: Siege, forge: Forge) -> None:
    mark = unharmed.log_bytes
    assert log_in(unharmed, Offer(key=str(forge.agent.key), certificate=forge.blob(forge.other)))
    assert unharmed.logins(mark) == 0


@pytest.mark.parametrize("ca", ["agent", "agents_ca", "targets_ca", "host_key"])
def test_a_plain_key(unharmed: Siege, forge: Forge, ca: str) -> None:
    """Not even those of the gateway's own CAs."""
    key = forge.agent.key if ca == "agent" else unharmed.house.keys / ca
    mark = unharmed.log_bytes
    assert log_in(unharmed, Offer(key=str(key)))
    assert unharmed.logins(mark) == 0


NAMES = (
    OTHER,
    f"root@{OTHER}",
    "daemon@web1",
    "nobody@web1",
    "web1@web1",
    "web1@web1@x",
    "x@web1@web2",
    "@web1",
    "web1@",
    "",
    "@",
    "+",
    "../web1",
    "web1/../web2",
    "web1/",
    "web1/root",
    "web1%00",
    "web1\0",
    "web1\0web2",
    "web1\n",
    " web1",
    "web1 ",
    "WEB1",
    "w\u0435b1",
    "\uff57\uff45\uff42\uff11",
    "web1\u200b",
    "\u202eweb1",
    "web1;id",
    "$(id)",
    "-oProxyCommand=id",
    "root",
    "*",
    "web*",
    "agents_ca",
    "web1:root",
    "web1,web2",
    "x" * 5_000,
)


@pytest.mark.parametrize("name", NAMES, ids=lambda each: repr(each)[:30])
def test_a_user_name_that_is_not_the_grants(unharmed: Siege, forge: Forge, name: str) -> None:
    mark = unharmed.log_bytes
    offer = Offer(key=str(forge.agent.key), certificate=forge.blob(forge.agent), user=name)
    assert log_in(unharmed, offer)
    assert unharmed.logins(mark) == 0


def test_a_certificate_whose_names_are_as_odd(unharmed: Siege, forge: Forge) -> None:
    """Were the CA ever to sign for such names, they would lead to the grant's own target and login alone."""
    mark = unharmed.log_bytes
    for name in (OTHER, f"daemon@{TARGET}", f"{TARGET}@{TARGET}@x", "../web1", f"{TARGET}\0"):
        certificate = forge.make(names=(name.encode(),))
        offer = Offer(key=str(forge.agent.key), certificate=certificate, user=name)
        assert log_in(unharmed, offer), name
    assert unharmed.logins(mark) == 0


def test_a_login_that_the_target_does_not_list(unharmed: Siege) -> None:
    cid = unharmed.house.issuer.client(groups=["shell"], ttl_s=3600).cid
    for target in (f"{TARGET}/daemon", f"{TARGET}/nobody", f"{TARGET}/root;id", f"{TARGET}/", OTHER):
        answer = unharmed.house.gateway.mint(unharmed.house.issuer.token(cid), target=target)
        assert answer.status_code in (403, 422), (target, answer.text)


@pytest.fixture(scope="module")
def secrets(siege: Siege) -> dict[str, str]:
    """Things that are secret, of which none opens `web1`."""
    elsewhere = siege.house.issuer.client(groups=["elsewhere"], ttl_s=3600).cid
    runner = siege.house.issuer.client(groups=["runner"], ttl_s=3600).cid
    gateway, issuer = siege.house.gateway, siege.house.issuer
    minted = gateway.mint(issuer.token(runner), target=TARGET).json()
    assert log_in(siege, Offer(password=minted["secret"])) == ""
    revoked = gateway.mint(issuer.token(runner), target=TARGET).json()
    assert gateway.hoopwire("grants", "revoke", revoked["grant"]["id"], "--reason", "test").ok
    return {
        "the secret of a grant on another target": gateway.mint(issuer.token(elsewhere), target=OTHER).json()[
            "secret"
        ],
        "the secret of a grant that was revoked": revoked["secret"],
        "a token": issuer.token(runner),
        "a token without its end": issuer.token(runner)[:1000],
        "a bearer": f"Bearer {issuer.token(runner)}",
        "a secret that is not whole": minted["secret"][:-1],
        "a secret and more": minted["secret"] + "A",
        "a secret and a NUL": minted["secret"] + "\0",
        "a secret in other letters": minted["secret"].swapcase(),
        "the id of a grant": minted["grant"]["id"],
        "a certificate": siege.agent("runner").certificate.read_text().strip(),
        "a certificate without its comment": " ".join(
            siege.agent("runner").certificate.read_text().split()[:2]
        ),
        "garbage": "hw1_" + "A" * 43,
        "no letters": "\u0000\u0001\u202e",
        "nothing": "",
        "a long one": "x" * 30_000,
        "a statement": "' or 1=1 --",
    }


KINDS = (
    "the secret of a grant on another target",
    "the secret of a grant that was revoked",
    "a token",
    "a token without its end",
    "a bearer",
    "a secret that is not whole",
    "a secret and more",
    "a secret and a NUL",
    "a secret in other letters",
    "the id of a grant",
    "a certificate",
    "a certificate without its comment",
    "garbage",
    "no letters",
    "nothing",
    "a long one",
    "a statement",
)


@pytest.mark.parametrize("way", ["password", "keyboard-interactive"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_password_that_opens_nothing(unharmed: Siege, secrets: dict[str, str], kind: str, way: str) -> None:
    """The bug: a certificate, which is public, let in whoever typed it, without a signature of its key."""
    mark = unharmed.log_bytes
    secret = secrets[kind]
    offer = Offer(password=secret) if way == "password" else Offer(responses=[secret])
    assert log_in(unharmed, offer)
    assert unharmed.logins(mark) == 0


def test_a_secret_as_the_user_name(unharmed: Siege, secrets: dict[str, str], forge: Forge) -> None:
    mark = unharmed.log_bytes
    for kind in ("the secret of a grant on another target", "a token"):
        assert log_in(unharmed, Offer(password="x", user=secrets[kind]))
        certified = Offer(key=str(forge.agent.key), certificate=forge.blob(forge.agent), user=secrets[kind])
        assert log_in(unharmed, certified)
        assert secrets[kind] not in unharmed.house.gateway.log
    assert unharmed.logins(mark) == 0


EARLY: dict[str, tuple[tuple[int, bytes], ...]] = {
    "a channel": ((OPEN, string("session") + u32(0) + u32(2**20) + u32(2**15)),),
    "a forward": (
        (
            OPEN,
            string("direct-tcpip")
            + u32(0)
            + u32(2**20)
            + u32(2**15)
            + string("127.0.0.1")
            + u32(22)
            + string("127.0.0.1")
            + u32(1),
        ),
    ),
    "a command": ((REQUEST, u32(0) + string("exec") + b"\1" + string("id")),),
    "data": ((DATA, u32(0) + string("id\n")),),
    "a request for the connection": ((GLOBAL, string("tcpip-forward") + b"\1" + string("") + u32(0)),),
    "that it was let in": ((52, b""), (OPEN, string("session") + u32(0) + u32(2**20) + u32(2**15))),
    "a login at another service": (
        (50, string(TARGET) + string("ssh-userauth") + string("none")),
        (OPEN, string("session") + u32(0) + u32(2**20) + u32(2**15)),
    ),
    "answers to no question": ((61, u32(1) + string("hw1_x")),),
    "another name in the same login": ((50, string(OTHER) + string("ssh-connection") + string("none")),),
}


@pytest.mark.parametrize("kind", EARLY)
def test_a_packet_before_the_login(unharmed: Siege, kind: str) -> None:
    mark = unharmed.log_bytes
    assert "protocol error" in log_in(unharmed, Offer(), *EARLY[kind])
    assert unharmed.logins(mark) == 0


def test_an_offered_key_is_not_a_proven_one(unharmed: Siege, forge: Forge) -> None:
    """A certificate that is good, without a signature, and then a channel."""
    algorithm = string("ssh-ed25519-cert-v01@openssh.com")
    offered = string(TARGET) + string("ssh-connection") + string("publickey") + b"\0" + algorithm
    early = (
        (50, offered + string(forge.blob(forge.agent))),
        (OPEN, string("session") + u32(0) + u32(2**20) + u32(2**15)),
    )
    mark = unharmed.log_bytes
    assert "protocol error" in log_in(unharmed, Offer(), *early)
    assert unharmed.logins(mark) == 0


SIGNATURES = {
    "of nothing": string(string("ssh-ed25519") + string(b"\0" * 64)),
    "of no length": string(b""),
    "of another algorithm": string(string("ssh-rsa") + string(b"\1" * 64)),
    "cut off": string(string("ssh-ed25519") + string(b"\1" * 32)),
}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_a_signature_that_is_none(unharmed: Siege, forge: Forge, kind: str) -> None:
    algorithm = string("ssh-ed25519-cert-v01@openssh.com")
    asked = string(TARGET) + string("ssh-connection") + string("publickey") + b"\1" + algorithm
    login = (50, asked + string(forge.blob(forge.agent)) + SIGNATURES[kind])
    early = (login, (OPEN, string("session") + u32(0) + u32(2**20) + u32(2**15)))
    mark = unharmed.log_bytes
    assert "protocol error" in log_in(unharmed, Offer(), *early)
    assert unharmed.logins(mark) == 0


def test_an_agents_certificate_straight_at_the_target(unharmed: Siege, forge: Forge) -> None:
    mark = unharmed.log_bytes
    for user in (TARGET, unharmed.house.account):
        done = forge.other.run(*forge.other.command("-l", user, "direct", "true"))
        assert done.returncode == 255
        assert b"Permission denied" in done.stderr
    assert unharmed.logins(mark) == 0


def test_the_certificate_of_a_revoked_grant(unharmed: Siege) -> None:
    agent = unharmed.house.admitted("leaver", "shell")
    assert agent.ssh("true").returncode == 0
    grant = load_ssh_public_identity(agent.certificate.read_bytes()).key_id  # type: ignore[union-attr]
    assert unharmed.house.gateway.hoopwire("grants", "revoke", grant.decode(), "--reason", "leaver").ok
    mark = unharmed.log_bytes
    done = agent.ssh("true")
    assert done.returncode == 255
    assert unharmed.logins(mark) == 0
    assert wait_for_audit(unharmed.house.gateway, "session.denied", code="grant_over")


def test_a_key_in_the_hands_of_another(unharmed: Siege, forge: Forge, tmp_path: Path) -> None:
    """A certificate is public: with it and no key there is no login, whatever else the client has."""
    public = forge.private(forge.other).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    (tmp_path / "id.pub").write_bytes(line)
    (tmp_path / "id-cert.pub").write_bytes(forge.other.certificate.read_bytes())
    options = (
        "-o",
        f"IdentityFile={tmp_path / 'id.pub'}",
        "-o",
        f"CertificateFile={tmp_path / 'id-cert.pub'}",
    )
    mark = unharmed.log_bytes
    done = forge.agent.run(*forge.agent.command("-F", "none", *options, TARGET, "true"))
    assert done.returncode == 255
    assert unharmed.logins(mark) == 0
