"""A certificate proves a grant to its key's holder, or is refused. Made by ssh-keygen and asyncssh."""

import base64
import subprocess
from pathlib import Path

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.identity import CertificateRefused, looks_like_certificate, verify_certificate
from hoopwire.model.ssh.keys import fingerprint, public_blob
from support.ssh import write_key

GRANT = "g_01J8ZQ4Y6V9T3N5R7W1X2Y3Z4A"
NOW = 1_790_000_000
CA = asyncssh.generate_private_key("ssh-ed25519")
KEY = asyncssh.generate_private_key("ssh-ed25519")


def made(*, ca=CA, key=KEY, of="user", **fields):
    """A certificate of asyncssh's as one line: good for `web1` from NOW on for 900 s."""
    values = {"valid_after": NOW, "valid_before": NOW + 900, "principals": ["web1"]} | fields
    make = getattr(ca, f"generate_{of}_certificate")
    return make(key, values.pop("key_id", GRANT), **values).export_certificate().decode().strip()


def verified(line, **fields):
    values = {"user_name": "web1", "peer": "192.0.2.7:50000", "now": NOW + 1.0}
    return verify_certificate(line, **values | {"authorities": (CA.public_data,)} | fields)


def refused(line, **fields):
    with pytest.raises(CertificateRefused) as caught:
        verified(line, **fields)
    return caught.value


def test_what_a_certificate_proves():
    proved = verified(made())
    assert (proved.grant, proved.command) == (GRANT, None)
    assert proved.key == KEY.get_fingerprint()
    assert proved.authority == CA.get_fingerprint()


@pytest.mark.parametrize(
    "kind",
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"],
)
def test_keys_and_cas_of_every_kind(kind):
    ca, key = asyncssh.generate_private_key(kind), asyncssh.generate_private_key(kind)
    line = made(ca=ca, key=key, **({"sig_alg": "rsa-sha2-256"} if kind == "ssh-rsa" else {}))
    assert verified(line, authorities=(ca.public_data,)).key == key.get_fingerprint()


def test_one_of_ssh_keygen(tmp_path: Path):
    ca, key = write_key(tmp_path / "ca"), write_key(tmp_path / "id", ec.generate_private_key(ec.SECP256R1()))
    command = ["ssh-keygen", "-q", "-s", tmp_path / "ca", "-I", GRANT, "-n", "web1,deploy@web1"]
    command += ["-O", "source-address=192.0.2.0/24,2001:db8::/32", "-O", "force-command=uptime"]
    subprocess.run([*command, "-V", "always:forever", tmp_path / "id.pub"], check=True)
    line = (tmp_path / "id-cert.pub").read_text()
    authority = public_blob(ca.public_key())
    proved = verified(line, user_name="deploy@web1", authorities=(authority,))
    assert (proved.command, proved.key) == ("uptime", fingerprint(public_blob(key.public_key())))
    verified(line, peer="[2001:db8::7]:50000", authorities=(authority,))
    verified(line, peer="[::ffff:192.0.2.9]:50000", authorities=(authority,))
    for peer in ("198.51.100.7:50000", "[2001:db9::7]:50000", "nowhere"):
        assert refused(line, peer=peer, authorities=(authority,)).code == "certificate_other_address"


def test_its_time_counts_to_the_second_and_without_leeway():
    line = made()
    assert verified(line, now=float(NOW)).grant == GRANT
    assert verified(line, now=NOW + 899.999).grant == GRANT
    assert refused(line, now=NOW - 0.001).code == "certificate_not_yet_valid"
    assert refused(line, now=float(NOW + 900)).code == "certificate_expired"


@pytest.mark.parametrize("name", ["", "web", "web11", "WEB1", "web1@web1", "deploy@web1"])
def test_another_user_name(name):
    denied = refused(made(), user_name=name)
    assert denied.code == "certificate_other_name"
    assert "web1" in denied.hint


def test_nobody_is_not_everybody():
    """OpenSSH's own sshd takes no principals for none; others take them for all."""
    assert refused(made(principals=[])).code == "certificate_malformed"
    assert refused(made(principals=["a"] * 257)).code == "certificate_malformed"


def test_a_hosts_certificate_is_not_a_users():
    assert refused(made(of="host")).code == "certificate_of_host"


def test_another_ca():
    """Whoever signs a certificate that looks like ours, and names a grant of ours, opens nothing."""
    other = asyncssh.generate_private_key("ssh-ed25519")
    assert refused(made(ca=other)).code == "certificate_authority_unknown"
    assert refused(made(), authorities=()).code == "certificate_authority_unknown"
    both = (CA.public_data, other.public_data)
    assert verified(made(ca=other), authorities=both).authority == other.get_fingerprint()


def test_a_byte_that_is_changed_breaks_the_signature():
    kind, body, *_ = made().split()
    blob = base64.b64decode(body)
    at = blob.index(b"web1")
    forged = blob[:at] + b"root" + blob[at + 4 :]
    line = f"{kind} {base64.b64encode(forged).decode()}"
    assert refused(line, user_name="root").code == "certificate_authority_unknown"


def test_sha_1_is_no_signature():
    ca = asyncssh.generate_private_key("ssh-rsa")
    line = made(ca=ca, sig_alg="ssh-rsa")
    denied = refused(line, authorities=(ca.public_data,))
    assert (denied.code, "SHA-2" in denied.internal) == ("certificate_malformed", True)


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """Certificates of ssh-keygen with such options, and its CA."""
    folder = tmp_path_factory.mktemp("keygen")
    ca = write_key(folder / "ca")
    write_key(folder / "id")

    def sign(*options):
        command = ["ssh-keygen", "-q", "-s", folder / "ca", "-I", GRANT, "-n", "web1", *options]
        subprocess.run([*command, folder / "id.pub"], check=True)
        return (folder / "id-cert.pub").read_text()

    return sign, (public_blob(ca.public_key()),)


def test_a_critical_option_that_nobody_knows(signed):
    """An option that is critical and passed over is one that is not kept."""
    sign, authorities = signed
    for option in ("verify-required", "critical:x@example.com=1"):
        denied = refused(sign("-O", option), authorities=authorities)
        assert denied.code == "certificate_option_unknown"
    assert verified(sign("-O", "extension:x@example.com=1"), authorities=authorities).grant == GRANT


def test_revoked_keys_and_cas():
    line = made()
    for name in (KEY.get_fingerprint(), CA.get_fingerprint()):
        denied = refused(line, revoked=(name,))
        assert (denied.code, denied.hint) == ("certificate_revoked", "")
        assert name in denied.internal
    verified(line, revoked=(fingerprint(b"another"),))


@pytest.mark.parametrize("id", ["", "g_1", "alice", "g_01J8ZQ4Y6V9T3N5R7W1X2Y3Z4A ", GRANT.lower()])
def test_a_key_id_that_is_no_grant(id):
    assert refused(made(key_id=id)).code == "certificate_malformed"


def test_a_short_rsa_key_is_refused():
    key = asyncssh.import_private_key(_pem(rsa.generate_private_key(65537, 1024)))
    assert refused(made(key=key)).code == "certificate_malformed"


def _pem(key):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def test_a_certificate_whose_ca_is_a_certificate():
    """Nested certificates have overflowed stacks, and stood in for the key inside them."""
    kind, body, *_ = made().split()
    inner = base64.b64decode(body)
    outer = inner.replace(len(CA.public_data).to_bytes(4) + CA.public_data, len(inner).to_bytes(4) + inner, 1)
    assert outer != inner
    assert refused(f"{kind} {base64.b64encode(outer).decode()}").code == "certificate_malformed"


def test_what_is_no_certificate():
    for line in (
        "",
        "hw1_abc",
        "ssh-ed25519 AAAA",
        "x" * 20_000,
        made() + "x" * 20_000,
        "é-cert-v01@openssh.com ",
    ):
        assert refused(line).code == "certificate_malformed"
    assert looks_like_certificate(made())
    assert not looks_like_certificate("hw1_abc")
    plain = ed25519.Ed25519PrivateKey.generate().public_key()
    line = "ssh-ed25519-cert-v01@openssh.com " + base64.b64encode(public_blob(plain)).decode()
    assert refused(line).code == "certificate_malformed"


@given(data=st.data())
def test_no_bytes_do_more_than_to_be_refused(data):
    kind, body, *_ = LINE.split()
    blob = bytearray(base64.b64decode(body))
    for at in data.draw(st.sets(st.integers(0, len(blob) - 1), min_size=1, max_size=8)):
        blob[at] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.sampled_from([len(blob), *range(0, len(blob), 17)]))
    with pytest.raises(CertificateRefused):
        verified(f"{kind} {base64.b64encode(blob[:cut]).decode()}")


LINE = made()
