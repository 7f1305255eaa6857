"""A real sshd takes what the targets' CA signs, for what it says and no more; nothing of the agents' CA."""

import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from hoopwire.custody.ssh import AgentsAuthority, HostsAuthority, TargetsAuthority
from hoopwire.model.ssh.keys import blob_line, public_line
from hoopwire.model.ssh.login import AgentGrant, Allowed, LoginGrant
from support.ssh import account, ssh, sshd

GRANT = "g_01J8ZQ4Y6V9T3N5R7W1X2Y3Z4A"
AGENTS = AgentsAuthority(ed25519.Ed25519PrivateKey.generate())
KINDS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "rsa": rsa.generate_private_key(65537, 3072),
}
TARGETS = TargetsAuthority(KINDS["ed25519"], valid_s=120)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sshd")
    (folder / "cas").write_text("".join(public_line(key.public_key()) + "\n" for key in KINDS.values()))
    with sshd(folder, f"TrustedUserCAKeys {folder / 'cas'}") as running:
        yield running


def wanted(*, login=None, seconds=600.0, **allowed):
    return LoginGrant(
        grant=GRANT,
        login=login or account(),
        expires_at=time.time() + seconds,
        allowed=Allowed(**allowed),
    )


def identity(folder: Path, key: bytes, certificate: bytes) -> list[str]:
    private = load_der_private_key(key, password=None)
    (folder / "id").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    (folder / "id").chmod(0o600)
    (folder / "id-cert.pub").write_text(blob_line(certificate) + "\n")
    return ["-i", str(folder / "id")]


def lent(folder: Path, grant: LoginGrant, authority=TARGETS) -> list[str]:
    return identity(folder, *authority.certify(grant, time.time()))


@pytest.mark.parametrize("kind", KINDS)
def test_sshd_takes_a_certificate_of_every_kind_of_ca(server, tmp_path, kind):
    done = ssh(server, lent(tmp_path, wanted(), TargetsAuthority(KINDS[kind], valid_s=120)), "echo", "in")
    assert (done.stdout, done.returncode) == ("in\n", 0), done.stderr


def test_its_log_names_the_grant(server, tmp_path):
    ssh(server, lent(tmp_path, wanted()), "true")
    assert f"ID {GRANT}" in server.log


def test_a_literal_command_is_all_there_is(server, tmp_path):
    done = ssh(server, lent(tmp_path, wanted(command="echo only this")), "cat /etc/passwd")
    assert done.stdout == "only this\n"


def test_a_terminal_only_as_granted(server, tmp_path):
    refused = ssh(server, [*lent(tmp_path, wanted()), "-tt"], "tty")
    assert "PTY allocation request failed" in refused.stderr
    given = ssh(server, [*lent(tmp_path, wanted(pty=True)), "-tt"], "tty")
    assert given.stdout.startswith("/dev/")


def test_forwarding_only_as_granted(server, tmp_path):
    to_itself = ["-W", f"127.0.0.1:{server.port}"]
    refused = ssh(server, lent(tmp_path, wanted()) + to_itself)
    assert "administratively prohibited" in refused.stderr
    given = ssh(server, lent(tmp_path, wanted(port_forwarding=True)) + to_itself)
    assert given.stdout.startswith("SSH-2.0-")


@pytest.mark.parametrize(
    "refused",
    [
        {"login": "somebody-else"},
        {"seconds": -1.0},
    ],
)
def test_what_it_does_not_say_it_is_not_good_for(server, tmp_path, refused):
    done = ssh(server, lent(tmp_path, wanted(**refused)), "true")
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_it_is_good_from_the_gateway_only(server, tmp_path):
    elsewhere = TargetsAuthority(KINDS["ed25519"], valid_s=120, source_addresses=("192.0.2.7",))
    assert ssh(server, lent(tmp_path, wanted(), elsewhere), "true").returncode == 255
    here = TargetsAuthority(KINDS["ed25519"], valid_s=120, source_addresses=("192.0.2.7", "127.0.0.0/8"))
    assert ssh(server, lent(tmp_path, wanted(), here), "true").returncode == 0


def test_an_agents_certificate_opens_no_target(server, tmp_path):
    """Were the agents' CA trusted by a target, every certificate would be a way past the gateway."""
    key = ed25519.Ed25519PrivateKey.generate()
    now = time.time()
    grant = AgentGrant(
        grant=GRANT,
        user_names=("web1", account()),
        minted_at=now,
        expires_at=now + 600,
        allowed=Allowed(pty=True),
    )
    line = AGENTS.certify(key.public_key(), grant)
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "cert").write_text(line)
    arguments = identity(tmp_path, pkcs8, b"\0\0\0\x01x")
    (tmp_path / "id-cert.pub").write_text(line + "\n")
    done = ssh(server, arguments, "true")
    assert done.returncode == 255
    assert "Permission denied" in done.stderr
    # The same certificate of the CA that it does trust opens it: it is the CA that it was refused for.
    trusted = AgentsAuthority(KINDS["ed25519"]).certify(key.public_key(), grant)
    (tmp_path / "id-cert.pub").write_text(trusted + "\n")
    assert ssh(server, arguments, "true").returncode == 0


def test_a_client_takes_the_hosts_certificate_for_the_gateways_names(tmp_path):
    hosts, key = HostsAuthority(KINDS["rsa"]), ed25519.Ed25519PrivateKey.generate()
    blob = hosts.certify(key.public_key(), key_id="gw1", names=("gw1", "127.0.0.1"))
    other = tmp_path / "host"
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    other.chmod(0o600)
    (tmp_path / "host-cert.pub").write_text(blob_line(blob) + "\n")
    (tmp_path / "cas").write_text(blob_line(TARGETS.blob) + "\n")
    with sshd(
        tmp_path / "sshd",
        f"TrustedUserCAKeys {tmp_path / 'cas'}",
        f"HostKey {other}",
        f"HostCertificate {tmp_path / 'host-cert.pub'}",
    ) as server:
        known = tmp_path / "known"
        known.write_text(f"@cert-authority gw1 {blob_line(hosts.blob)}\n")
        by_ca = ["-o", f"GlobalKnownHostsFile={known}"]
        by_ca += ["-o", "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"]
        for name, code in (("gw1", 0), ("gw2", 255)):
            options = [*lent(tmp_path, wanted()), *by_ca, "-o", f"HostKeyAlias={name}"]
            assert ssh(server, options, "true").returncode == code
