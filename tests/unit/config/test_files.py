"""Files that the config names: there, secret, and what they should be."""

import datetime
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

from hoopwire.config import ConfigError, load

CONFIG = """
[gateway]
audience = "api://hoopwire"
[listen]
postgres = ["127.0.0.1:0"]
admin_socket = "a.sock"
tls = { certificate = "gw.crt", key = "gw.key" }
[recording]
directory = "recordings"
signing_key = "recording.pem"
[issuers.okta]
issuer = "https://example.okta.com/oauth2/aus1"
[targets.orders]
host = "db.internal"
databases = ["orders"]
user = "app"
credential = { file = "secret" }
ca = "gw.crt"
[[policies]]
name = "readers"
groups = ["analysts"]
targets = ["orders"]
"""


def pem(key: CertificateIssuerPrivateKeyTypes, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    path.write_bytes(content)
    path.chmod(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    write(tmp_path / "gw.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    write(tmp_path / "gw.key", pem(key))
    write(tmp_path / "recording.pem", pem(ed25519.Ed25519PrivateKey.generate()))
    write(tmp_path / "secret", b"pw\n")
    (tmp_path / "hoopwire.toml").write_text(CONFIG)
    return tmp_path


def only_problem(folder: Path) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(folder / "hoopwire.toml")
    (problem,) = caught.value.problems
    assert problem.line is not None
    return problem.key, problem.what


def test_sound_files_load(folder: Path) -> None:
    settings = load(folder / "hoopwire.toml")
    assert settings.listen.tls.certificate == str(folder / "gw.crt")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("secret", "targets.orders.credential.file"),
        ("gw.key", "listen.tls.key"),
        ("recording.pem", "recording.signing_key"),
    ],
)
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620])
def test_secrets_open_to_others_are_refused(folder: Path, name: str, key: str, mode: int) -> None:
    (folder / name).chmod(mode)
    found, what = only_problem(folder)
    assert found == key
    assert "chmod 600" in what


def test_missing_files_are_all_named(folder: Path) -> None:
    for name in ("gw.key", "secret", "recording.pem"):
        (folder / name).unlink()
    with pytest.raises(ConfigError) as caught:
        load(folder / "hoopwire.toml")
    assert [problem.key for problem in caught.value.problems] == [
        "listen.tls.key",
        "recording.signing_key",
        "targets.orders.credential.file",
    ]


def test_a_folder_or_pipe_is_no_file(folder: Path) -> None:
    (folder / "secret").unlink()
    (folder / "secret").mkdir()
    assert "not a file" in only_problem(folder)[1]
    (folder / "secret").rmdir()
    os.mkfifo(folder / "secret", 0o600)
    assert "not a file" in only_problem(folder)[1]


def test_a_file_in_place_of_a_directory(folder: Path) -> None:
    write(folder / "recordings", b"")
    assert only_problem(folder)[0] == "recording.directory"


def test_a_key_of_another_certificate(folder: Path) -> None:
    write(folder / "gw.key", pem(ec.generate_private_key(ec.SECP256R1())))
    assert only_problem(folder) == (
        "listen.tls.key",
        "does not belong to the first certificate of `certificate`",
    )


def test_an_encrypted_key(folder: Path) -> None:
    write(folder / "gw.key", pem(ec.generate_private_key(ec.SECP256R1()), b"passphrase"))
    assert "encrypted" in only_problem(folder)[1]


def test_a_signing_key_of_another_kind(folder: Path) -> None:
    write(folder / "recording.pem", pem(ec.generate_private_key(ec.SECP256R1())))
    assert "Ed25519" in only_problem(folder)[1]


def test_what_is_no_pem_at_all_is_not_echoed(folder: Path) -> None:
    """A password put into the wrong file must not come out in an error."""
    for name in ("gw.key", "recording.pem"):
        write(folder / name, b"correct-horse-battery")
    with pytest.raises(ConfigError) as caught:
        load(folder / "hoopwire.toml")
    assert len(caught.value.problems) == 2
    assert "correct-horse" not in str(caught.value)


def test_a_ca_that_holds_no_certificate(folder: Path) -> None:
    write(folder / "ca.pem", b"nothing")
    text = CONFIG.replace('ca = "gw.crt"', 'ca = "ca.pem"')
    (folder / "hoopwire.toml").write_text(text)
    assert only_problem(folder)[0] == "targets.orders.ca"
