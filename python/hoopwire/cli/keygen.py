"""`hoopwire keygen recording | tls | ssh`: makes keys, mode 0600, and never overwrites a file."""

import argparse
import contextlib
import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from hoopwire.cli.arguments import Commands, add_command, add_group, json_option
from hoopwire.cli.exits import OK, REFUSED, CommandFailed
from hoopwire.cli.output import print_json
from hoopwire.model.ssh.keys import public_line

SSH_KEYS = {
    "host_key": "shown to clients",
    "agents_ca": "signs what principals log in with; never on a target",
    "targets_ca": "signs what opens targets; they trust ssh_targets_ca.pub: TrustedUserCAKeys",
    "host_ca": "signs the host key; clients trust ssh_host_ca.pub: @cert-authority",
}
"""Key of `[ssh]`, and what it is for."""
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def add(commands: Commands) -> None:
    """Declare them."""
    group = add_group(commands, "keygen", "make keys")
    parser = add_command(
        group,
        "recording",
        "make the Ed25519 key that seals recordings",
        recording,
        "  hoopwire keygen recording --out /etc/hoopwire/recording.key\n",
    )
    parser.add_argument(
        "--out", metavar="FILE", default="recording.key", help="private key; FILE.pub beside it"
    )
    parser.add_argument("--config", help=argparse.SUPPRESS)
    json_option(parser)
    parser = add_command(
        group,
        "tls",
        "make a self-signed certificate, for labs",
        tls,
        "  hoopwire keygen tls --host localhost --host 127.0.0.1 --out .\n",
    )
    parser.add_argument("--host", action="append", required=True, help="host name or address (repeatable)")
    parser.add_argument("--out", metavar="DIR", default=".", help="folder for gateway.crt and gateway.key")
    parser.add_argument("--days", type=int, default=30, help="days it is valid (default %(default)s)")
    json_option(parser)
    _add_ssh(group)


def _add_ssh(group: Commands) -> None:
    parser = add_command(
        group,
        "ssh",
        "make the keys of an SSH gateway: its host key, and three CAs",
        ssh,
        "  hoopwire keygen ssh --out /etc/hoopwire/keys\n"
        "  hoopwire keygen ssh --out /etc/hoopwire/keys --only agents_ca    to rotate one\n",
    )
    parser.add_argument("--out", metavar="DIR", default=".", help="folder for ssh_host, ssh_agents_ca, ...")
    parser.add_argument("--only", choices=tuple(SSH_KEYS), help="one of them")
    json_option(parser)


def ssh(arguments: argparse.Namespace) -> int:
    """Ed25519 keys in OpenSSH's form, each with its public half."""
    folder = Path(arguments.out)
    names = SSH_KEYS if arguments.only is None else {arguments.only: SSH_KEYS[arguments.only]}
    files: list[tuple[Path, bytes, int]] = []
    for name in names:
        key = ed25519.Ed25519PrivateKey.generate()
        private = _ssh_path(folder, name)
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        public = f"{public_line(key.public_key())} hoopwire {name}\n"
        files += [(private, text, 0o600), (private.with_suffix(".pub"), public.encode(), 0o644)]
    _write(tuple(files))
    if arguments.json:
        print_json({name: str(_ssh_path(folder, name)) for name in names})
        return OK
    print("[ssh]")
    for name, purpose in names.items():
        print(f'{name} = "{_ssh_path(folder, name)}"  # {purpose}')
    return OK


def _ssh_path(folder: Path, name: str) -> Path:
    return folder / f"ssh_{name.removesuffix('_key')}"


def recording(arguments: argparse.Namespace) -> int:
    """The Ed25519 key that seals the recording, and its public half for verifying."""
    private = Path(arguments.out)
    public = private.with_suffix(".pub")
    key = ed25519.Ed25519PrivateKey.generate()
    text = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(((private, _private_pem(key), 0o600), (public, text, 0o644)))
    if arguments.json:
        print_json({"private": str(private), "public": str(public)})
        return OK
    print(f'private key  {private} (0600): [recording] signing_key = "{private}"')
    print(f"public key   {public}: keep a copy where the gateway cannot write;")
    print("             hoopwire recordings verify needs it")
    return OK


def tls(arguments: argparse.Namespace) -> int:
    """A self-signed certificate for a lab."""
    folder = Path(arguments.out)
    certificate, private = folder / "gateway.crt", folder / "gateway.key"
    key = ec.generate_private_key(ec.SECP256R1())
    _write(
        (
            (private, _private_pem(key), 0o600),
            (certificate, _self_signed(key, arguments.host, arguments.days), 0o644),
        )
    )
    if arguments.json:
        print_json({"certificate": str(certificate), "key": str(private)})
        return OK
    print(f"certificate  {certificate} for {', '.join(arguments.host)}, {arguments.days} days")
    print(f"private key  {private} (0600)")
    print(f"For labs: clients trust it with sslrootcert={certificate}.")
    return OK


def _self_signed(key: ec.EllipticCurvePrivateKey, hosts: list[str], days: int) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    now = datetime.datetime.now(datetime.UTC)
    try:
        names = [_general_name(host) for host in hosts]
    except ValueError as error:
        raise CommandFailed(f"--host is no host name or address: {error}") from None
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _private_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(files: tuple[tuple[Path, bytes, int], ...]) -> None:
    """All of the files or none."""
    written: list[Path] = []
    try:
        for path, content, mode in files:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
            written.append(path)
            with os.fdopen(fd, "wb") as file:
                file.write(content)
    except OSError as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        if isinstance(error, FileExistsError):
            text = f"{error.filename} exists; keys are never overwritten: move it away, or give --out"
            raise CommandFailed(text, REFUSED) from None
        raise CommandFailed(f"cannot write {error.filename}: {error.strerror}", REFUSED) from None
