"""Logins that open nothing: another's certificate, names that are not the grant's, secrets that are none."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateType,
    load_ssh_public_identity,
)

from support.ssh_house import TARGET
from support.ssh_logins import Forge, Offer, log_in
from support.ssh_raw import DATA, GLOBAL, OPEN, REQUEST, string, u32
from support.wait import wait_for_audit

from .conftest import OTHER, Siege


@pytest.fixture(scope="module")
def forge(siege: Siege) -> Forge:
    return Forge(siege.house, siege.agent("runner"), siege.agent("shell"))


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
    reason = log_in(unharmed.house, Offer(key=str(forge.agent.key), certificate=make(forge)))
    assert reason != ""
    assert unharmed.logins(mark) == 0
    if code:
        # a wrong CA never gets as far as the control plane
        assert wait_for_audit(unharmed.house.gateway, "session.denied", code=code)


def test_what_the_forge_makes_is_refused_for_the_one_thing_that_is_wrong(siege: Siege, forge: Forge) -> None:
    """With nothing wrong it is let in."""
    assert log_in(siege.house, Offer(key=str(forge.agent.key), certificate=forge.make())) == ""
    own = Offer(key=str(forge.agent.key), certificate=forge.blob(forge.agent))
    assert log_in(siege.house, own) == ""


def test_anothers_certificate_with_a_signature_of_ones_own_key(unharmed: Siege, forge: Forge) -> None:
    mark = unharmed.log_bytes
    assert log_in(unharmed.house, Offer(key=str(forge.agent.key), certificate=forge.blob(forge.other)))
    assert unharmed.logins(mark) == 0


@pytest.mark.parametrize("ca", ["agent", "agents_ca", "targets_ca", "host_key"])
def test_a_plain_key(unharmed: Siege, forge: Forge, ca: str) -> None:
    """Not even those of the gateway's own CAs."""
    key = forge.agent.key if ca == "agent" else unharmed.house.keys / ca
    mark = unharmed.log_bytes
    assert log_in(unharmed.house, Offer(key=str(key)))
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
    assert log_in(unharmed.house, offer)
    assert unharmed.logins(mark) == 0


def test_a_certificate_whose_names_are_as_odd(unharmed: Siege, forge: Forge) -> None:
    """Were the CA ever to sign for such names, they would still lead nowhere."""
    mark = unharmed.log_bytes
    for name in (OTHER, f"daemon@{TARGET}", f"{TARGET}@{TARGET}@x", "../web1", f"{TARGET}\0"):
        certificate = forge.make(names=(name.encode(),))
        offer = Offer(key=str(forge.agent.key), certificate=certificate, user=name)
        assert log_in(unharmed.house, offer), name
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
    assert log_in(siege.house, Offer(password=minted["secret"])) == ""
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
    assert log_in(unharmed.house, offer)
    assert unharmed.logins(mark) == 0


def test_a_secret_as_the_user_name(unharmed: Siege, secrets: dict[str, str], forge: Forge) -> None:
    mark = unharmed.log_bytes
    for kind in ("the secret of a grant on another target", "a token"):
        assert log_in(unharmed.house, Offer(password="x", user=secrets[kind]))
        certified = Offer(key=str(forge.agent.key), certificate=forge.blob(forge.agent), user=secrets[kind])
        assert log_in(unharmed.house, certified)
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
    assert "protocol error" in log_in(unharmed.house, Offer(), *EARLY[kind])
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
    assert "protocol error" in log_in(unharmed.house, Offer(), *early)
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
    assert "protocol error" in log_in(unharmed.house, Offer(), *early)
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
