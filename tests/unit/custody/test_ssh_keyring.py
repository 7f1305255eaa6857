"""The gateway's keys for SSH are read once, from where the settings say, and each has one purpose."""

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_private_key

from hoopwire.custody.ssh import KeyringFailed, open_keyring
from hoopwire.model.ssh.keys import blob_line, public_blob, public_line
from hoopwire.model.ssh.settings import SecretSettings, SshSettings
from support.ssh import shown, write_key

NAMES = ("host_key", "agents_ca", "targets_ca", "host_ca")


@pytest.fixture
def settings(tmp_path: Path) -> SshSettings:
    for name in NAMES:
        write_key(tmp_path / name)
    return SshSettings(names=("gw1",), **{name: str(tmp_path / name) for name in NAMES})


def changed(settings: SshSettings, **fields: object) -> SshSettings:
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return SshSettings(**values | fields)


async def test_the_keys_of_a_gateway(settings, tmp_path):
    keyring = await open_keyring(settings, "node-7")
    [host] = keyring.host_keys
    private = load_der_private_key(host.key, password=None)
    assert public_blob(private.public_key()) == keyring.host_key_blobs[0]
    said = shown(blob_line(host.certificate), tmp_path)
    assert (said["Key ID"], said["Principals"]) == (['"node-7"'], ["gw1"])
    assert keyring.agents_trusted == (keyring.agents.blob,)
    public = (tmp_path / "host_ca.pub").read_text().strip()
    assert keyring.known_hosts(("gw1", "[gw1]:2222")) == (f"@cert-authority gw1,[gw1]:2222 {public}",)


async def test_without_a_hosts_ca_clients_pin_the_key(settings, tmp_path):
    keyring = await open_keyring(changed(settings, host_ca=None, names=()), "gw")
    assert keyring.host_keys[0].certificate == b""
    public = (tmp_path / "host_key.pub").read_text().strip()
    assert keyring.known_hosts(("gw1",)) == (f"gw1 {public}",)


async def test_two_of_each_are_good_while_one_follows_the_other(settings, tmp_path):
    before = write_key(tmp_path / "before")
    write_key(tmp_path / "host_before", ec.generate_private_key(ec.SECP256R1()))
    keyring = await open_keyring(
        changed(
            settings,
            agents_ca_previous=str(tmp_path / "before.pub"),
            host_key_previous=str(tmp_path / "host_before"),
        ),
        "gw",
    )
    assert keyring.agents_trusted == (keyring.agents.blob, public_blob(before.public_key()))
    kinds = [shown(blob_line(key.certificate), tmp_path)["Type"][0] for key in keyring.host_keys]
    assert [kind.partition("-cert")[0] for kind in kinds] == ["ssh-ed25519", "ecdsa-sha2-nistp256"]


async def test_keys_from_the_environment_and_from_a_program(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("HOST_KEY", (tmp_path / "host_key").read_text())
    program = (sys.executable, "-c", f"print(open({str(tmp_path / 'host_ca')!r}).read())")
    elsewhere = changed(
        settings, host_key=SecretSettings(env="HOST_KEY"), host_ca=SecretSettings(command=program)
    )
    keyring, same = await open_keyring(elsewhere, "gw"), await open_keyring(settings, "gw")
    assert keyring.host_key_blobs == same.host_key_blobs
    assert keyring.hosts_trusted == same.hosts_trusted


@pytest.mark.parametrize(("first", "second"), [("agents_ca", "targets_ca"), ("agents_ca", "host_ca")])
async def test_one_key_for_two_purposes_stops_the_start(settings, tmp_path, monkeypatch, first, second):
    """The file's checks see files; a key that comes from the environment is seen here."""
    monkeypatch.setenv("SECOND", (tmp_path / first).read_text())
    with pytest.raises(KeyringFailed, match=f"ssh.{second} is the same key as ssh.{first}"):
        await open_keyring(changed(settings, **{second: SecretSettings(env="SECOND")}), "gw")


async def test_what_cannot_be_used_is_told_without_a_part_of_it(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("BAD", "planted-secret")
    for fields, words in (
        ({"host_key": SecretSettings(env="BAD")}, "ssh.host_key holds no private key"),
        ({"host_key": str(tmp_path / "none")}, "ssh.host_key: cannot read"),
        ({"agents_ca_previous": str(tmp_path / "host_key")}, "ssh.agents_ca_previous holds a private key"),
    ):
        with pytest.raises(KeyringFailed, match=words) as caught:
            await open_keyring(changed(settings, **fields), "gw")
        assert "planted" not in str(caught.value)
    two = [public_line(ed25519.Ed25519PrivateKey.generate().public_key()) for _ in range(2)]
    (tmp_path / "two.pub").write_text("\n".join(two))
    with pytest.raises(KeyringFailed, match="one public key"):
        await open_keyring(changed(settings, host_ca_previous=str(tmp_path / "two.pub")), "gw")
    write_key(tmp_path / "wide", ec.generate_private_key(ec.SECP521R1()))
    with pytest.raises(KeyringFailed, match="P-521"):
        await open_keyring(changed(settings, host_key=str(tmp_path / "wide")), "gw")
