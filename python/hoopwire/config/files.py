"""Checks of the files that the config names: there, readable, secret where due, fitting each other."""

import os
import stat

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from hoopwire.config.decode import Parts
from hoopwire.config.positions import Key
from hoopwire.config.problem import Report
from hoopwire.config.ssh_files import check_ssh_files
from hoopwire.model.ssh.settings import SshTarget

_FILE_BYTES = 1 << 20


def check_files(parts: Parts, report: Report) -> None:
    """Every path of the file, then the keys and certificates among them."""
    contents: dict[Key, bytes] = {}
    for key, kind, path in parts.paths:
        if kind in ("file", "secret"):
            content = _read(key, kind, path, report)
            if content is not None:
                contents[key] = content
        elif kind == "directory" and os.path.exists(path) and not os.path.isdir(path):
            report.add(key, f"{path} is not a directory")
    for key, content in contents.items():
        if key[-1] in ("certificate", "ca"):
            _certificates(key, content, report)
    _check_pair(("listen", "tls"), contents, report)
    for key in [key for key in contents if key[-2:] == ("credential", "certificate")]:
        _check_pair(key[:-1], contents, report)
    check_ssh_files(contents, _logins_by_key(parts), report)
    signing: Key = ("recording", "signing_key")
    if signing in contents:
        private = _private_key(signing, contents[signing], report)
        if private is not None and not isinstance(private, Ed25519PrivateKey):
            report.add(signing, "must be an Ed25519 key: hoopwire keygen recording")


def _logins_by_key(parts: Parts) -> frozenset[str]:
    """The SSH targets whose credential is a private key."""
    targets = parts.fields["targets"] or {}
    return frozenset(
        name for name, target in targets.items() if isinstance(target, SshTarget) and target.login_by == "key"
    )


def _read(key: Key, kind: str, path: str, report: Report) -> bytes | None:
    try:
        # O_NONBLOCK: a pipe that nobody writes to must not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                report.add(key, f"{path} is not a file")
                return None
            if kind == "secret" and status.st_mode & 0o026:
                report.add(key, f"others may read or change {path}: chmod 600 it")
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        report.add(key, f"cannot read {path}: {_reason(error)}")
        return None
    if len(content) > _FILE_BYTES:
        report.add(key, f"{path} is larger than 1 MiB")
        return None
    return content


def _check_pair(table: Key, contents: dict[Key, bytes], report: Report) -> None:
    """Does the private key belong to the first certificate?"""
    chain, private = contents.get((*table, "certificate")), contents.get((*table, "key"))
    if chain is None or private is None:
        return
    certificates = _certificates((*table, "certificate"), chain, report)
    key = _private_key((*table, "key"), private, report)
    if not certificates or key is None:
        return
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        fits = certificates[0].public_key().public_bytes(*form) == key.public_key().public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm):
        report.add((*table, "certificate"), "has a public key of an unknown kind")
        return
    if not fits:
        report.add((*table, "key"), "does not belong to the first certificate of `certificate`")


def _certificates(key: Key, content: bytes, report: Report) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except (ValueError, UnsupportedAlgorithm):
        report.add(key, "holds no PEM certificate")
        return []


def _private_key(key: Key, content: bytes, report: Report) -> PrivateKeyTypes | None:
    try:
        return load_pem_private_key(content, password=None)
    except TypeError:
        report.add(key, "is encrypted; the gateway starts without anyone to ask for the passphrase")
    except (ValueError, UnsupportedAlgorithm):
        report.add(key, "holds no PEM private key")
    return None


def _reason(error: Exception) -> str:
    return (error.strerror or "not readable") if isinstance(error, OSError) else "not a path"
