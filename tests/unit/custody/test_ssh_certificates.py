"""Certificates of the three CAs, read back by OpenSSH's ssh-keygen and by asyncssh."""

import base64
import time

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from hoopwire.custody.ssh import AgentsAuthority, HostsAuthority, TargetsAuthority
from hoopwire.model.ssh.keys import blob_line, fingerprint, public_blob
from hoopwire.model.ssh.login import AgentGrant, Allowed, LoginGrant
from support.ssh import shown

NOW = 1_790_000_000.75
GRANT = "g_01J8ZQ4Y6V9T3N5R7W1X2Y3Z4A"
KINDS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}
ALL = Allowed(pty=True, port_forwarding=True, agent_forwarding=True, x11_forwarding=True)


def read(line):
    return asyncssh.import_certificate(line)


def agent(allowed=Allowed(), sources=(), names=("web1", "deploy@web1"), at=NOW):  # noqa: B008 - frozen
    return AgentGrant(
        grant=GRANT,
        user_names=names,
        minted_at=at,
        expires_at=at + 900,
        source_addresses=sources,
        allowed=allowed,
    )


def login(allowed=Allowed(), expires_at=NOW + 900):  # noqa: B008 - frozen
    return LoginGrant(grant=GRANT, login="deploy", expires_at=expires_at, allowed=allowed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", KINDS)
def test_every_kind_of_ca_signs_every_kind_of_key(kind, of, tmp_path):
    authority = AgentsAuthority(KINDS[kind])
    key = KINDS[of].public_key()
    line = authority.certify(key, agent(at=time.time()))
    said = shown(line, tmp_path)
    assert said["Public key"][0].endswith(fingerprint(public_blob(key)))
    assert fingerprint(authority.blob) in said["Signing CA"][0]
    certificate = read(line)
    certificate.validate(asyncssh.public_key.CERT_TYPE_USER, "web1")
    assert certificate.signing_key.public_data == authority.blob


def test_an_agents_certificate_says_what_its_grant_does(tmp_path):
    wanted = agent(Allowed(pty=True, command="uptime -p"), ("10.0.0.0/24", "192.0.2.7"))
    said = shown(AgentsAuthority(KINDS["ed25519"]).certify(KINDS["p256"].public_key(), wanted), tmp_path)
    assert said["Type"] == ["ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate"]
    assert said["Key ID"] == [f'"{GRANT}"']
    assert said["Principals"] == ["web1", "deploy@web1"]
    assert said["Critical Options"] == ["force-command uptime -p", "source-address 10.0.0.0/24,192.0.2.7"]
    assert said["Extensions"] == ["permit-pty"]


def test_it_ends_with_the_grant_and_not_a_moment_later():
    certificate = read(AgentsAuthority(KINDS["ed25519"]).certify(KINDS["p256"].public_key(), agent()))
    assert (certificate._valid_after, certificate._valid_before) == (1_790_000_000, 1_790_000_900)


def test_nobody_is_not_everybody():
    """A certificate without principals is one for every name."""
    with pytest.raises(TypeError, match="principals"):
        AgentsAuthority(KINDS["ed25519"]).certify(KINDS["p256"].public_key(), agent(names=()))


def test_a_certificate_for_one_session(tmp_path):
    authority = TargetsAuthority(KINDS["ed25519"], valid_s=120, source_addresses=("10.0.0.7",))
    key, blob = authority.certify(login(), NOW)
    line = blob_line(blob)
    said = shown(line, tmp_path)
    assert said["Type"] == ["ssh-ed25519-cert-v01@openssh.com user certificate"]
    assert (said["Key ID"], said["Principals"]) == ([f'"{GRANT}"'], ["deploy"])
    assert said["Critical Options"] == ["source-address 10.0.0.7"]
    assert said["Extensions"] == []
    certificate = read(line)
    assert (certificate._valid_after, certificate._valid_before) == (1_789_999_940, 1_790_000_120)
    private = asyncssh.import_private_key(key)
    assert private.public_data == certificate.key.public_data
    again, _ = authority.certify(login(), NOW)
    assert again != key


def test_it_is_not_good_beyond_the_grant():
    authority = TargetsAuthority(KINDS["ed25519"], valid_s=120)
    _, blob = authority.certify(login(expires_at=NOW + 30), NOW)
    assert read(blob_line(blob))._valid_before == int(NOW + 30)


def test_what_is_granted_and_nothing_else_is_permitted(tmp_path):
    authority = TargetsAuthority(KINDS["ed25519"], valid_s=120)
    _, blob = authority.certify(login(ALL), NOW)
    assert shown(blob_line(blob), tmp_path)["Extensions"] == [
        "permit-X11-forwarding",
        "permit-agent-forwarding",
        "permit-port-forwarding",
        "permit-pty",
    ]
    _, blob = authority.certify(login(Allowed(command="systemctl status nginx")), NOW)
    assert shown(blob_line(blob), tmp_path)["Critical Options"] == ["force-command systemctl status nginx"]


def test_a_hosts_certificate_lists_the_gateways_names(tmp_path):
    authority = HostsAuthority(KINDS["rsa"])
    blob = authority.certify(KINDS["ed25519"].public_key(), key_id="gw1", names=("gw1", "gw1.example.com"))
    said = shown(blob_line(blob), tmp_path)
    assert said["Type"] == ["ssh-ed25519-cert-v01@openssh.com host certificate"]
    assert said["Principals"] == ["gw1", "gw1.example.com"]
    assert said["Valid"] == ["forever"]
    assert "rsa-sha2-512" in said["Signing CA"][0]
    read(blob_line(blob)).validate(asyncssh.public_key.CERT_TYPE_HOST, "gw1.example.com")


def test_no_key_is_shown_by_accident():
    for authority in (
        AgentsAuthority(KINDS["ed25519"]),
        TargetsAuthority(KINDS["ed25519"], valid_s=120),
        HostsAuthority(KINDS["ed25519"]),
    ):
        assert repr(authority) == f"{type(authority).__name__}(...)"
        assert base64.b64encode(authority.blob).decode() not in repr(authority)
