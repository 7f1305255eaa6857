"""`hoopwire targets scan`: shows an SSH target's host keys, for whoever pins them to compare."""

import argparse
import shutil
import subprocess

from hoopwire.cli.arguments import Commands, add_command, add_group, config_option, json_option
from hoopwire.cli.exits import OK, REFUSED, UNREACHABLE, USAGE, CommandFailed
from hoopwire.cli.output import clean, print_json
from hoopwire.config import load
from hoopwire.config.ssh import HOST_KEY_ALGORITHMS
from hoopwire.model.ssh.hosts import HostTarget
from hoopwire.model.ssh.keys import KeyFault, fingerprint, public_blob, read_public_key
from hoopwire.model.ssh.settings import SshTarget

_LIMIT_S = 30


def add(commands: Commands) -> None:
    """Declare it."""
    group = add_group(commands, "targets", "look at targets")
    parser = add_command(
        group,
        "scan",
        "show the host keys of an SSH target, to be compared and pinned",
        scan,
        "  hoopwire targets scan web1\n\n"
        "Whoever stands between you and the target can show keys of his own: compare the fingerprints with\n"
        "what the target's console says (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub).\n",
    )
    parser.add_argument("target", metavar="NAME", help="a [targets.NAME] with protocol = ssh")
    config_option(parser)
    json_option(parser)


def scan(arguments: argparse.Namespace) -> int:
    """Ask ssh-keyscan, and say which keys are pinned already."""
    settings = load(arguments.config, files=False)
    target = settings.target(arguments.target)
    if not isinstance(target, SshTarget):
        names = ", ".join(name for name, one in settings.targets.items() if isinstance(one, SshTarget))
        text = f"{clean(arguments.target)} is no SSH target of the file; there are: {names or 'none'}"
        raise CommandFailed(text, USAGE)
    pinned = {blob for line in target.host_keys if (blob := _blob(line)) is not None}
    found = [(line, blob) for line in host_keys(target) if (blob := _blob(line)) is not None]
    unknown = pinned - {blob for _, blob in found}
    if arguments.json:
        keys = [
            {"key": line, "fingerprint": fingerprint(blob), "pinned": blob in pinned} for line, blob in found
        ]
        print_json({"target": arguments.target, "keys": keys})
        return OK
    for line, blob in found:
        print(f"{fingerprint(blob)}  {line.split()[0]}{'  (pinned)' if blob in pinned else ''}")
    if unknown:
        print(f"{len(unknown)} pinned keys are not shown by it.")
    if isinstance(target, HostTarget):
        print(f"Its block {clean(target.block)} pins no keys: its host_ca must have signed one of these.")
        return OK
    listed = ", ".join(f'"{line}"' for line, _ in found)
    print(f"If they are what the target's own console says:\nhost_keys = [{listed}]")
    return OK


def host_keys(target: SshTarget) -> list[str]:
    """The keys that it shows, `KIND BASE64` each, best kinds first. CommandFailed if it shows none."""
    program = shutil.which("ssh-keyscan")
    if program is None:
        raise CommandFailed("ssh-keyscan is not installed; it comes with openssh-client", REFUSED)
    command = [program, "-T", "10", "-p", str(target.port), "--", target.host]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        raise CommandFailed(f"{target.host}:{target.port} did not answer", UNREACHABLE) from None
    lines = [line.split(None, 1)[1] for line in done.stdout.splitlines() if line.count(" ") >= 2]
    known = [line for line in lines if line.split()[0] in HOST_KEY_ALGORITHMS]
    if not known:
        raise CommandFailed(f"{target.host}:{target.port} showed no host key that is taken", UNREACHABLE)
    return sorted(known, key=lambda line: HOST_KEY_ALGORITHMS.index(line.split()[0]))


def _blob(line: str) -> bytes | None:
    try:
        return public_blob(read_public_key(line.encode()))
    except KeyFault:
        return None
