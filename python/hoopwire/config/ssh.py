"""Checks of `[ssh]`, of SSH targets, and of what must be there for a target to be reached."""

import base64
import binascii
import ipaddress
import re

from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, nearest, quoted
from hoopwire.config.sources import check_sources, is_host
from hoopwire.model.settings import ListenSettings, TargetSettings
from hoopwire.model.ssh.settings import SecretSettings, SshSettings, SshTarget

_SOURCES = ("file", "env", "command")
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\$?")
"""useradd(8)'s names, and those with capitals: no `@`, `+` or `/`, which have a meaning for us."""
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
HOST_KEY_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
"""Kinds of key (not of signature: `ssh-rsa` keys sign with SHA-2)."""
_PRIVATE = ("host_key", "host_key_previous", "agents_ca", "targets_ca", "host_ca")


def check_ssh(ssh: SshSettings, report: Report) -> None:
    """Each key has one source, each CA before has one after it; names, addresses and fingerprints."""
    key: Key = ("ssh",)
    for name in _PRIVATE:
        secret = getattr(ssh, name)
        if isinstance(secret, SecretSettings):
            check_sources((*key, name), secret, _SOURCES, report)
    for name in ("agents_ca", "targets_ca", "host_ca"):
        if getattr(ssh, f"{name}_previous") is not None and getattr(ssh, name) is None:
            report.add((*key, f"{name}_previous"), f"there is none after it: name `{name}`")
    if ssh.host_ca is not None and not ssh.names:
        report.add((*key, "names"), "required with `host_ca`: the names that clients type for this gateway")
    if ssh.names and ssh.host_ca is None:
        report.add((*key, "names"), "has no effect without `host_ca`")
    for index, name in enumerate(ssh.names):
        if not is_host(name):
            report.add((*key, "names", index), f"{quoted(name)} is neither a host name nor an IP address")
        elif name in ssh.names[:index]:
            report.add((*key, "names", index), f"{quoted(name)} is listed twice")
    for index, text in enumerate(ssh.source_addresses):
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            report.add((*key, "source_addresses", index), f"{error}; write 10.0.0.7 or 10.0.0.0/24")
    if not 10 <= ssh.certificate <= 3600:
        report.add((*key, "certificate"), "must be from 10s to 1h")
    for index, text in enumerate(ssh.revoked_keys):
        if not _FINGERPRINT.fullmatch(text):
            report.add(
                (*key, "revoked_keys", index), "is no fingerprint: ssh-keygen -lf KEY.pub prints SHA256:..."
            )


def check_ssh_target(key: Key, target: SshTarget, report: Report) -> None:
    """One SSH target alone; host and port are as those of any target."""
    _check_logins((*key, "logins"), target.logins, report)
    if not target.host_keys and target.host_ca is None:
        report.add(
            (*key, "host_keys"),
            "name the target's host keys (`hoopwire targets scan` shows them), or its `host_ca`: whoever"
            " stands between would be taken for it",
        )
    for index, line in enumerate(target.host_keys):
        if (fault := _host_key_fault(line)) is not None:
            report.add((*key, "host_keys", index), *fault)
        elif line.split()[:2] in [other.split()[:2] for other in target.host_keys[:index]]:
            report.add((*key, "host_keys", index), "is listed twice")
    if target.host_name is not None:
        if "*" not in target.host_name and not is_host(target.host_name):
            report.add(
                (*key, "host_name"), f"{quoted(target.host_name)} is neither a host name nor an IP address"
            )
        if target.host_ca is None:
            report.add((*key, "host_name"), "has no effect without `host_ca`")
    if target.login_by == "certificate":
        if target.credential is not None:
            report.add(
                (*key, "credential"),
                'has no effect with login_by = "certificate", which the gateway makes itself; or write'
                ' login_by = "key" or "password"',
            )
    elif target.credential is None:
        report.add((*key, "credential"), f'required with login_by = "{target.login_by}": where it is kept')
    else:
        check_sources((*key, "credential"), target.credential, _SOURCES, report)


def check_listeners(
    targets: dict[str, TargetSettings | None],
    listen: ListenSettings,
    ssh: SshSettings | None,
    report: Report,
) -> None:
    """Every target can be reached, and there are the keys that its protocol needs."""
    has_ssh = ("ssh",) in report
    if listen.ssh and not has_ssh:
        report.add(("listen", "ssh"), "needs the table `[ssh]` with at least `host_key`")
    if has_ssh and not listen.ssh:
        report.add(("ssh",), 'has no effect: nothing listens, write ssh = ["0.0.0.0:22"] into [listen]')
    for name, target in targets.items():
        key: Key = ("targets", name)
        if target is None:
            continue
        if target.protocol == "postgres":
            if not listen.postgres:
                report.add(key, 'cannot be reached: [listen] has no `postgres`, for example ["0.0.0.0:5432"]')
            continue
        if not listen.ssh:
            report.add(
                (*key, "protocol"), 'cannot be reached: [listen] has no `ssh`, for example ["0.0.0.0:22"]'
            )
        elif not has_ssh:
            report.add((*key, "protocol"), "cannot be reached: there is no table `[ssh]`")
        if ssh is not None and target.login_by == "certificate" and ssh.targets_ca is None:
            report.add(
                (*key, "login_by"), "`certificate` (the default) needs `targets_ca` in [ssh]: it signs them"
            )


def _check_logins(key: Key, logins: tuple[str, ...], report: Report) -> None:
    if not logins:
        report.add(key, "name at least one login; the first is what the bare target name opens")
    for index, login in enumerate(logins):
        if not _LOGIN.fullmatch(login):
            report.add(
                (*key, index),
                f"{quoted(login)} is no login: letters, digits, `_`, `.` and `-`, 64 at most; `@`, `+` and"
                " `/` have a meaning here",
            )
        elif login in logins[:index]:
            report.add((*key, index), f"{quoted(login)} is listed twice")


def _host_key_fault(line: str) -> tuple[str, str | None] | None:
    """What is wrong with a host key by its form, and the nearest right kind; none if nothing is."""
    algorithm, _, rest = line.partition(" ")
    if algorithm not in HOST_KEY_ALGORITHMS:
        words = f"{quoted(algorithm)} is no kind of host key that is taken; write ssh-ed25519 AAAA..."
        return words, nearest(algorithm, HOST_KEY_ALGORITHMS)
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        return "is not whole: what follows the kind is not base64", None
    name = algorithm.encode()
    if not blob.startswith(len(name).to_bytes(4) + name) or len(blob) < len(name) + 8:
        return f"is not whole, or is no {algorithm} key", None
    return None
