"""The lines that an SSH target's sshd_config needs for the gateway: `hoopwire check` prints them."""

from collections.abc import Iterator
from pathlib import Path

from hoopwire.model.settings import Settings
from hoopwire.model.ssh.keys import KeyFault, blob_line, public_blob, read_private_key, read_public_keys
from hoopwire.model.ssh.settings import SecretSettings, SshSettings, SshTarget

CA_FILE = "/etc/ssh/hoopwire_targets_ca.pub"


def sshd_lines(settings: Settings, *, files: bool) -> tuple[str, ...]:
    """Lines of sshd_config(5), with the reason behind each; none without SSH targets.

    With `files` the public keys are shown, as far as files hold the private ones.
    """
    targets = [target for target in settings.targets.values() if isinstance(target, SshTarget)]
    if settings.ssh is None or not targets:
        return ()
    return tuple(_lines(settings.ssh, targets, files))


def _lines(ssh: SshSettings, targets: list[SshTarget], files: bool) -> Iterator[str]:
    if any(target.login_by == "certificate" for target in targets):
        keys = _public_keys(ssh) if files else []
        for key in keys or ["the public half of ssh.targets_ca; ssh-keygen -y prints it"]:
            yield f"# {CA_FILE} holds: {key}"
        yield f"TrustedUserCAKeys {CA_FILE}"
    addresses = ",".join(ssh.source_addresses) or "ADDRESS_OF_THE_GATEWAY"
    yield "# OpenSSH 9.8 and newer: what one principal does wrong must not shut out all who come from here."
    yield f"PerSourcePenaltyExemptList {addresses}"
    yield "# Logins at a time; sshd drops at random above the first number."
    yield "MaxStartups 100:30:200"
    yield "# Channels of one connection; multiplexed sessions and tools such as ansible open many."
    yield "MaxSessions 200"


def _public_keys(ssh: SshSettings) -> list[str]:
    """The CA of now, and the one before, as far as files hold them; `check` runs no program for it."""
    found: list[str] = []
    source = ssh.targets_ca
    path = source.file if isinstance(source, SecretSettings) else source
    try:
        if path is not None:
            key = read_private_key(Path(path).read_bytes())
            found.append(blob_line(public_blob(key.public_key())))
        if ssh.targets_ca_previous is not None:
            found += map(blob_line, read_public_keys(Path(ssh.targets_ca_previous).read_bytes()))
    except (OSError, KeyFault):
        return found
    return found
