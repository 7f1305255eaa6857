"""What files, folders and variables show without asking anybody: dates, what is missing."""

import datetime
import ipaddress
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from hoopwire.cli.trials.trial import Trial, failed, warned
from hoopwire.config.positions import Key
from hoopwire.model.settings import CredentialSettings, PostgresTarget, Settings
from hoopwire.model.ssh.settings import SecretSettings

_SOON = datetime.timedelta(days=14)
_SSH_SECRETS = ("host_key", "host_key_previous", "agents_ca", "targets_ca", "host_ca")


def standing(settings: Settings, now: datetime.datetime) -> Iterator[Trial]:
    """All of it, in the order of the file. `now` has a time zone."""
    yield _folder(("listen", "admin_socket"), settings.listen.admin_socket)
    if settings.recording.checkpoints is not None:
        yield _folder(("recording", "checkpoints"), settings.recording.checkpoints)
    tls: Key = ("listen", "tls", "certificate")
    yield from _certificate(tls, settings.listen.tls.certificate, now, settings.listen.public_host)
    for name, issuer in settings.issuers.items():
        if issuer.ca is not None:
            yield from _bundle(("issuers", name, "ca"), issuer.ca, now)
    if settings.ssh is not None:
        for name in _SSH_SECRETS:
            source = getattr(settings.ssh, name)
            if isinstance(source, SecretSettings):
                yield from _source(("ssh", name), source)
    for name, target in settings.targets.items():
        key: Key = ("targets", name, "credential")
        if target.credential is not None:
            yield from _source(key, target.credential)
        if isinstance(target, PostgresTarget):
            if target.ca is not None:
                yield from _bundle(("targets", name, "ca"), target.ca, now)
            if target.credential.certificate is not None:
                yield from _certificate((*key, "certificate"), target.credential.certificate, now, None)


def _folder(key: Key, path: str) -> Trial:
    folder = Path(path).parent
    tried = f"folder {folder}"
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "is not there"
        return failed(key, tried, found, f"the gateway does not make it: mkdir -p {folder}")
    return Trial(key=key, tried=tried, found="is there")


def _source(key: Key, secret: CredentialSettings | SecretSettings) -> Iterator[Trial]:
    """A variable and a program belong to the gateway's environment, which may not be ours: warnings."""
    if secret.env is not None:
        tried = f"variable {secret.env}"
        if os.environ.get(secret.env):
            yield Trial(key=(*key, "env"), tried=tried, found="is set here")
        else:
            to_do = "set it where the gateway is started (systemd: EnvironmentFile=)"
            yield warned((*key, "env"), tried, "is not set here, or empty", to_do)
    if secret.command is not None:
        program = secret.command[0]
        tried = f"program {program}"
        if shutil.which(program) is None:
            to_do = "install it, or write its whole path"
            yield warned((*key, "command"), tried, "is not here, or may not be run", to_do)
        else:
            yield Trial(key=(*key, "command"), tried=tried, found="is here")


def _read(path: str) -> list[x509.Certificate]:
    """None where it cannot be read: that is said by who checks the file."""
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError):
        return []


def _certificate(key: Key, path: str, now: datetime.datetime, name: str | None) -> Iterator[Trial]:
    """A chain: the first that is over ends it."""
    tried = f"certificate {path}"
    chain = _read(path)
    if not chain:
        return
    until = min(certificate.not_valid_after_utc for certificate in chain)
    since = max(certificate.not_valid_before_utc for certificate in chain)
    renew = "put a new certificate there, and send SIGHUP"
    if until < now:
        yield failed(key, tried, f"expired on {until:%Y-%m-%d}", renew)
    elif since > now:
        yield failed(key, tried, f"is not valid before {since:%Y-%m-%d %H:%MZ}", "look at the clock, or wait")
    elif until - now < _SOON:
        yield warned(key, tried, f"expires on {until:%Y-%m-%d}", renew)
    else:
        yield Trial(key=key, tried=tried, found=f"valid until {until:%Y-%m-%d}")
    if name is not None and not _is_for(chain[0], name):
        to_do = "clients with verify-full refuse it: have it made for this name, or change public_host"
        yield failed(("listen", "public_host"), tried, f"is not for {name}", to_do)


def _is_for(certificate: x509.Certificate, name: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        return ipaddress.ip_address(name) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    wanted = name.lower().rstrip(".")
    return any(
        known.lower() == wanted
        or (known.startswith("*.") and known[1:].lower() == wanted[wanted.find(".") :])
        for known in names.get_values_for_type(x509.DNSName)
    )


def _bundle(key: Key, path: str, now: datetime.datetime) -> Iterator[Trial]:
    """CAs: one that is good is enough."""
    tried = f"CA {path}"
    bundle = _read(path)
    if not bundle:
        return
    last = max(certificate.not_valid_after_utc for certificate in bundle)
    if last < now:
        yield failed(key, tried, f"expired on {last:%Y-%m-%d}", "put the CA of now there")
    elif last - now < _SOON:
        yield warned(key, tried, f"expires on {last:%Y-%m-%d}", "add its successor")
    else:
        yield Trial(key=key, tried=tried, found=f"valid until {last:%Y-%m-%d}")
