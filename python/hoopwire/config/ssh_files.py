"""Checks of the files with SSH keys that the config names: their form, and that no CA's key is another's."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec

from hoopwire.config.positions import Key
from hoopwire.config.problem import Report
from hoopwire.model.ssh.keys import (
    KeyFault,
    PrivateKey,
    public_blob,
    read_private_key,
    read_public_keys,
    used_twice,
)

_PUBLIC = ("agents_ca_previous", "targets_ca_previous", "host_ca_previous")
NOT_TWO = "holds the same key as `{}`: a certificate of one would be good for the other"


def check_ssh_files(contents: Mapping[Key, bytes], logins_by_key: frozenset[str], report: Report) -> None:
    """`contents` are files' bytes by the key that names them; `logins_by_key`: targets that have a key."""
    blobs: dict[str, bytes] = {}
    places: dict[str, Key] = {}
    for key, content in contents.items():
        if key[0] == "ssh":
            name = str(key[1])
            places[name] = key
            if name in _PUBLIC:
                found = _public(key, content, report)
                if len(found) > 1:
                    report.add(key, f"must hold one public key, it holds {len(found)}")
                elif found:
                    blobs[name] = found[0]
            elif (private := _private(key, content, report)) is not None:
                blobs[name] = public_blob(private.public_key())
                _check_host_key(key, name, private, report)
        elif key[-1] == "host_ca":
            _public(key, content, report)
        elif key[0] == "targets" and key[1] in logins_by_key and key[2:] == ("credential", "file"):
            _private(key, content, report)
    for first, second in used_twice(blobs):
        report.add(places[second], NOT_TWO.format(first))


def _check_host_key(key: Key, name: str, private: PrivateKey, report: Report) -> None:
    is_host_key = name in ("host_key", "host_key_previous")
    if is_host_key and isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.key_size > 384:
        report.add(key, "is on the curve P-521; as a host key Ed25519, P-256, P-384 and RSA are taken")


def _private(key: Key, content: bytes, report: Report) -> PrivateKey | None:
    try:
        return read_private_key(content)
    except KeyFault as fault:
        report.add(key, str(fault))
        return None


def _public(key: Key, content: bytes, report: Report) -> tuple[bytes, ...]:
    try:
        return read_public_keys(content)
    except KeyFault as fault:
        report.add(key, str(fault))
        return ()
