"""What is lent for a session at an SSH target: certificate, key or password, and whom to take for it."""

import asyncssh
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_der_private_key

from hoopwire.custody import LeaseFailed
from hoopwire.custody.ssh import TargetsAuthority
from hoopwire.custody.ssh.lend import lend_login
from hoopwire.model.ssh.keys import blob_line, public_blob, public_line
from hoopwire.model.ssh.login import Allowed, Login, LoginGrant
from hoopwire.model.ssh.settings import SecretSettings, SshTarget
from support.ssh import write_key

NOW = 1_790_000_000.0
HOST = ed25519.Ed25519PrivateKey.generate().public_key()
AUTHORITY = TargetsAuthority(ed25519.Ed25519PrivateKey.generate(), valid_s=120)
WANTED = LoginGrant(
    grant="g_01J8ZQ4Y6V9T3N5R7W1X2Y3Z4A", login="deploy", expires_at=NOW + 900, allowed=Allowed(pty=True)
)


def target(**fields):
    values = {"protocol": "ssh", "host": "web1.test", "logins": ("admin", "deploy")}
    return SshTarget(**values | {"host_keys": (public_line(HOST) + " a comment",)} | fields)


async def found(host, port):
    assert (host, port) == ("web1.test", 22)
    return [("192.0.2.7", 22), ("2001:db8::7", 22)]


async def lent(target, wanted=WANTED, authority=AUTHORITY):
    lease = await lend_login(target, wanted, authority, NOW, resolve=found)
    return lease, msgspec.msgpack.decode(lease.login, type=Login)


async def test_a_certificate_made_for_the_session():
    lease, login = await lent(target())
    assert lease.addresses == (("192.0.2.7", 22), ("2001:db8::7", 22))
    assert (lease.user, lease.database, lease.password, lease.tls) == ("deploy", "", "", False)
    certificate = asyncssh.import_certificate(blob_line(login.certificate))
    assert certificate.signing_key.public_data == AUTHORITY.blob
    assert certificate.principals == ["deploy"]
    assert asyncssh.import_private_key(login.key).public_data == certificate.key.public_data
    assert (login.host_keys, login.host_authorities) == ((public_blob(HOST),), ())
    assert login.host_name == "web1.test"
    _, other = await lent(target())
    assert other.key != login.key


async def test_what_the_engine_reads_is_a_map_of_these_names():
    lease, _ = await lent(target())
    fields = msgspec.msgpack.decode(lease.login)
    assert set(fields) == {"key", "certificate", "host_keys", "host_authorities", "host_name"}
    assert isinstance(fields["host_keys"][0], bytes)


async def test_the_targets_own_key(tmp_path):
    key = write_key(tmp_path / "login")
    by_key = target(login_by="key", credential=SecretSettings(file=str(tmp_path / "login")))
    lease, login = await lent(by_key, authority=None)
    assert (login.certificate, lease.password) == (b"", "")
    assert load_der_private_key(login.key, password=None).public_key() == key.public_key()


async def test_a_password(monkeypatch):
    monkeypatch.setenv("PASSWORD", "upstream-secret")
    by_password = target(login_by="password", credential=SecretSettings(env="PASSWORD"))
    lease, login = await lent(by_password, authority=None)
    assert (lease.password, login.key, login.certificate) == ("upstream-secret", b"", b"")


async def test_the_cas_of_its_host_key(tmp_path):
    cas = [ed25519.Ed25519PrivateKey.generate().public_key() for _ in range(2)]
    (tmp_path / "ca.pub").write_text("".join(f"{public_line(ca)} ca\n" for ca in cas))
    _, login = await lent(target(host_keys=(), host_ca=str(tmp_path / "ca.pub"), host_name="web1.internal"))
    assert login.host_keys == ()
    assert login.host_authorities == tuple(map(public_blob, cas))
    assert login.host_name == "web1.internal"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"logins": ("admin",)}, "has no login deploy"),
        ({"host_keys": ()}, "no host key or CA"),
        ({"host_keys": ("ssh-ed25519 AAAA",)}, "is no public key"),
        ({"host_ca": "/nowhere"}, "cannot read /nowhere"),
        ({"login_by": "key"}, "no credential"),
        ({"login_by": "key", "credential": SecretSettings(env="SECRET")}, "holds no private key"),
        ({"login_by": "password", "credential": SecretSettings(env="NONE")}, "NONE is not set"),
    ],
)
async def test_nothing_is_lent_by_halves(monkeypatch, fields, words):
    monkeypatch.setenv("SECRET", "planted-secret")
    with pytest.raises(LeaseFailed, match=words) as caught:
        await lent(target(**fields))
    assert "planted" not in caught.value.internal


async def test_a_login_that_is_not_listed_is_never_tried():
    """sshd counts unknown users against our address, and shuts out all that come from it."""
    wanted = msgspec.structs.replace(WANTED, login="root")
    with pytest.raises(LeaseFailed, match="no login root"):
        await lent(target(), wanted)


async def test_without_the_targets_ca():
    with pytest.raises(LeaseFailed, match=r"ssh\.targets_ca"):
        await lent(target(), authority=None)


async def test_secrets_do_not_show():
    lease, login = await lent(target())
    assert repr(login) == "Login(host_name='web1.test', ...)"
    assert "login=" not in repr(lease)
