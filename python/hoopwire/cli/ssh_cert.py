"""`hoopwire ssh-cert`: buys a grant with a token, and writes a certificate beside the key."""

import argparse
import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from hoopwire.cli.arguments import Commands, add_command, json_option
from hoopwire.cli.connect import told
from hoopwire.cli.exits import OK, REFUSED, USAGE, CommandFailed
from hoopwire.cli.output import clean, moment, print_json
from hoopwire.cli.token import read_token, run_token_command
from hoopwire.client import request_grant
from hoopwire.model.api import GrantRequest
from hoopwire.model.ssh.keys import KeyFault, public_line, read_public_key

LEFT_S = 60.0
"""A certificate that is good for longer is left alone: ssh asks at every connection."""


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(
        commands,
        "ssh-cert",
        "exchange an access token for a certificate over your SSH key",
        run,
        "  hoopwire ssh-cert --gateway https://gw:8443 --target web1 --token-file -\n"
        "  hoopwire ssh-cert --gateway https://gw:8443 --target web1 --token-command 'my-token'\n\n"
        f"While the one that is there is good for over {LEFT_S:g} s, nothing is done and no token is\n"
        "spent. Several at once wait for each other. hoopwire ssh-config makes ssh do this by itself.\n",
    )
    parser.add_argument("--gateway", metavar="URL", required=True, help="https:// URL of the control API")
    parser.add_argument("--target", required=True, help="web1, or web1/deploy for that login only")
    key_options(parser)
    parser.add_argument(
        "--action", action="append", metavar="ACTION", help="narrow to this action (repeatable)"
    )
    parser.add_argument("--ttl", metavar="TIME", help="90s, 10m, 1h (default: what the policy gives)")
    parser.add_argument("--task", default="", help="task id, kept with the grant")
    parser.add_argument("--purpose", default="", help="why, for whoever reads the audit")
    parser.add_argument(
        "--source-address",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="good from this address or network only (repeatable)",
    )
    parser.add_argument("--fresh", action="store_true", help="get a new one, however long the old is good")
    json_option(parser)


def key_options(parser: argparse.ArgumentParser) -> None:
    """The key, its certificate, and where the token is from."""
    parser.add_argument(
        "--key", metavar="FILE", default="~/.ssh/id_ed25519", help="private key; FILE.pub beside it"
    )
    parser.add_argument("--out", metavar="FILE", help="the certificate (default: KEY-cert.pub)")
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument("--token-file", metavar="FILE", help="file with the token; - is stdin")
    tokens.add_argument(
        "--token-command", metavar="COMMAND", help="program and arguments that print a fresh token"
    )
    parser.add_argument("--ca", metavar="FILE", help="CA of the gateway's certificate, if not the system's")


def run(arguments: argparse.Namespace) -> int:
    """Leave a good certificate alone, else get one."""
    key = Path(arguments.key).expanduser()
    out = certificate_path(arguments)
    line = _public_key(key)
    with _alone(out):
        until = None if arguments.fresh else good_until(out, line, arguments.target)
        if until is not None and until - time.time() > LEFT_S:
            return _said(arguments, out, until, is_new=False)
        token = (
            read_token(arguments.token_file)
            if arguments.token_command is None
            else run_token_command(arguments.token_command)
        )
        asked = GrantRequest(
            target=arguments.target,
            actions=None if arguments.action is None else tuple(arguments.action),
            ttl=arguments.ttl,
            task=arguments.task,
            purpose=arguments.purpose,
            ssh_public_key=line,
            source_addresses=tuple(arguments.source_address),
        )
        with told():
            issued = request_grant(arguments.gateway, token, asked, ca=arguments.ca)
        if not issued.certificate:
            raise CommandFailed("the gateway gave no certificate", REFUSED)
        _write(out, issued.certificate + "\n")
    return _said(arguments, out, issued.grant.expires_at, is_new=True)


def certificate_path(arguments: argparse.Namespace) -> Path:
    """Where ssh looks for the certificate of a key, unless another place is given."""
    if arguments.out is not None:
        return Path(arguments.out).expanduser()
    return Path(f"{Path(arguments.key).expanduser()}-cert.pub")


def good_until(path: Path, key: str, target: str) -> float | None:
    """Unix seconds until which the certificate at `path` is good for key and target; none if it is not."""
    try:
        certificate = load_ssh_public_identity(path.read_bytes().strip())
        if not isinstance(certificate, SSHCertificate) or public_line(certificate.public_key()) != key:
            return None
    except (OSError, ValueError, UnsupportedAlgorithm):
        return None
    name, _, login = target.partition("/")
    user_names = {principal.decode(errors="replace") for principal in certificate.valid_principals}
    wanted = f"{login}@{name}"
    is_for_it = wanted in user_names if login else any(one.split("@")[-1] == name for one in user_names)
    is_good = is_for_it and certificate.valid_after <= time.time()
    return float(certificate.valid_before) if is_good else None


def _public_key(key: Path) -> str:
    path = Path(f"{key}.pub")
    try:
        return public_line(read_public_key(path.read_bytes()))
    except OSError as error:
        text = f"cannot read {path}: {error.strerror}; ssh-keygen -f {key} makes a key"
        raise CommandFailed(text, USAGE) from None
    except KeyFault as fault:
        raise CommandFailed(f"{path} {fault}", USAGE) from None


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Wait for whoever writes the same certificate: one token is enough for all."""
    path = out.with_name(out.name + ".lock")
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise CommandFailed(f"cannot write {path}: {error.strerror}", USAGE) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, content: str) -> None:
    """Whole or not at all: ssh may read it at any moment."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(content)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise CommandFailed(f"cannot write {path}: {error.strerror}", REFUSED) from None


def _said(arguments: argparse.Namespace, out: Path, until: float, *, is_new: bool) -> int:
    if arguments.json:
        print_json({"certificate": str(out), "expires_at": until, "new": is_new})
    else:
        print(f"{clean(out)} is {'' if is_new else 'still '}good until {moment(until)}")
    return OK
