"""`hoopwire ssh-config`: prints what makes a stock `ssh TARGET` go through the gateway."""

import argparse
import shlex
from pathlib import Path

from hoopwire.cli.arguments import Commands, add_command
from hoopwire.cli.connect import told
from hoopwire.cli.exits import OK, USAGE, CommandFailed
from hoopwire.cli.output import clean
from hoopwire.cli.ssh_cert import key_options
from hoopwire.client import ssh_place


def add(commands: Commands) -> None:
    """Declare it."""
    parser = add_command(
        commands,
        "ssh-config",
        "print the lines of ~/.ssh/config and known_hosts for a target",
        run,
        "  hoopwire ssh-config --gateway https://gw:8443 --target web1 --token-command my-token\n"
        "  hoopwire ssh-config --gateway https://gw:8443 --known-hosts >> ~/.ssh/known_hosts\n\n"
        "With the first in ~/.ssh/config, `ssh web1` gets its certificate by itself (hoopwire ssh-cert).\n"
        "By the second it knows the gateway.\n",
    )
    parser.add_argument("--gateway", metavar="URL", required=True, help="https:// URL of the control API")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--target", metavar="TARGET", help="web1, or web1/deploy: the block for ~/.ssh/config")
    what.add_argument("--known-hosts", action="store_true", help="the lines for ~/.ssh/known_hosts")
    parser.add_argument("--host", metavar="NAME", help="what you will type (default: the target's name)")
    key_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask the gateway where it is, and print."""
    with told():
        place = ssh_place(arguments.gateway, ca=arguments.ca)
    if arguments.known_hosts:
        for line in place.known_hosts:
            print(clean(line))
        return OK
    if arguments.token_file == "-":  # noqa: S105 - stdin
        raise CommandFailed("--token-file -: ssh has no token on its stdin; give a file or a command", USAGE)
    for name in (*place.names, arguments.target, arguments.host or ""):
        if any(character.isspace() or character in "\"'%#*?!," for character in name):
            raise CommandFailed(f"{clean(name)} cannot stand in ssh's configuration", USAGE)
    target, _, login = arguments.target.partition("/")
    host = arguments.host or (f"{login}.{target}" if login else target)
    key = Path(arguments.key).expanduser()
    certificate = arguments.out or f"{key}-{host}-cert.pub"
    certifying = _words(arguments, key, certificate)
    if "%" in certifying:
        # ssh would read it as one of its tokens.
        raise CommandFailed("the command has a % in it, which ssh would replace", USAGE)
    print(f"# hoopwire: {host} through {place.names[0]}")
    print(f"Match originalhost {host} exec {_quoted(certifying)}")
    print(f"Host {host}")
    for name, value in (
        ("HostName", place.names[0]),
        ("Port", str(place.port)),
        ("User", f"{login}@{target}" if login else target),
        # The gateway is known by this name, whatever is typed and at whatever port.
        ("HostKeyAlias", place.names[0]),
        ("IdentityFile", _quoted(str(key))),
        ("CertificateFile", _quoted(certificate)),
        ("IdentitiesOnly", "yes"),
    ):
        print(f"    {name} {value}")
    return OK


def _words(arguments: argparse.Namespace, key: Path, certificate: str) -> str:
    """The command line of ssh-cert, for a shell."""
    words = ["hoopwire", "ssh-cert", "--gateway", arguments.gateway, "--target", arguments.target]
    words += ["--key", str(key), "--out", certificate]
    for option in ("token_file", "token_command", "ca"):
        if (value := getattr(arguments, option)) is not None:
            words += [f"--{option.replace('_', '-')}", value]
    return shlex.join(words)


def _quoted(text: str) -> str:
    """As every version of ssh_config(5) reads an argument: in double quotes, which cannot stand inside."""
    if any(character in text for character in '"\\\n'):
        raise CommandFailed(f"{clean(text)} has a quote, a backslash or a line break in it", USAGE)
    return f'"{text}"'
