"""Tries an SSH target: address, what answers there, and whether its host key is the one that is pinned."""

import functools
import socket
from collections.abc import Iterator
from contextlib import closing

import trio

from hoopwire.cli.exits import CommandFailed
from hoopwire.cli.targets import host_keys
from hoopwire.cli.trials.trial import Trial, failed
from hoopwire.config.positions import Key
from hoopwire.custody import resolve_host
from hoopwire.custody.source import SourceFailed, read_secret
from hoopwire.model.ssh.hosts import is_pattern, of_block
from hoopwire.model.ssh.keys import KeyFault, fingerprint, public_blob, read_private_key, read_public_key
from hoopwire.model.ssh.settings import SshTarget

_LIMIT_S = 5.0


def try_ssh_target(name: str, target: SshTarget) -> Iterator[Trial]:
    """Of a block for many hosts each that it names; one for any name cannot be tried."""
    key: Key = ("targets", name)
    yield from trio.run(_credential, key, target)
    if not is_pattern(name):
        yield from _host(key, target)
        return
    for one in target.names:
        if (host := of_block(name, target, one)) is not None:
            yield from _host(key, host)
    if not target.names:
        found = "stands for any host; `hoopwire targets scan NAME` asks one"
        yield Trial(key=key, tried=f"hosts of {name}", outcome="not tried", found=found)


def _host(key: Key, target: SshTarget) -> Iterator[Trial]:
    """It ends where nothing further can work."""
    try:
        addresses = trio.run(functools.partial(resolve_host, target.host, target.port))
    except (OSError, UnicodeError) as error:
        found = f"cannot be resolved: {error}"
        yield failed(
            (*key, "host"), f"address of {target.host}", found, "look at `host`, and at this machine's DNS"
        )
        return
    trials = [_reach(key, address, port) for address, port in addresses]
    yield from trials
    if not any(trial.outcome == "ok" for trial in trials):
        return
    yield from _host_key(key, target)
    yield Trial(
        key=key,
        tried=f"login as {', '.join(target.logins)}",
        outcome="not tried",
        found="a session through the gateway shows it",
    )


async def _credential(key: Key, target: SshTarget) -> list[Trial]:
    if target.credential is None:
        return []
    at: Key = (*key, "credential")
    tried = f"{target.login_by} for {target.host}"
    try:
        secret = await read_secret(target.credential)
        if target.login_by == "key":
            read_private_key(secret.encode())
    except SourceFailed as error:
        return [failed(at, tried, str(error), "nobody gets in at this target without it")]
    except KeyFault as error:
        return [failed(at, tried, f"the key {error}", "give a private key without a passphrase")]
    return [Trial(key=at, tried=tried, found="is there")]


def _reach(key: Key, address: str, port: int) -> Trial:
    tried = f"{address} port {port}"
    try:
        with closing(socket.create_connection((address, port), timeout=_LIMIT_S)) as wire:
            begins = wire.recv(255)
    except TimeoutError:
        to_do = "a firewall may stand between, or sshd refuses this address (PerSourcePenalties, MaxStartups)"
        return failed((*key, "host"), tried, f"no answer in {_LIMIT_S:g} s", to_do)
    except OSError as error:
        to_do = "look at `host` and `port`, and whether sshd runs and listens there"
        return failed((*key, "port"), tried, error.strerror or str(error), to_do)
    line = begins.partition(b"\n")[0].rstrip(b"\r").decode("ascii", "replace")
    if not begins:
        to_do = "sshd may refuse this address: PerSourcePenaltyExemptList, MaxStartups"
        return failed((*key, "host"), tried, "hung up", to_do)
    if not line.startswith("SSH-"):
        return failed((*key, "port"), tried, "is no SSH server", "look at `host` and `port`")
    return Trial(key=(*key, "host"), tried=tried, found=line[:60])


def _host_key(key: Key, target: SshTarget) -> Iterator[Trial]:
    tried = f"host key of {target.host}"
    if not target.host_keys:
        found = "a CA vouches for it"
        yield Trial(key=(*key, "host_ca"), tried=tried, outcome="not tried", found=found)
        return
    at: Key = (*key, "host_keys")
    try:
        shown = host_keys(target)
    except CommandFailed as error:
        yield Trial(key=at, tried=tried, outcome="not tried", found=str(error))
        return
    pinned = {public_blob(read_public_key(line.encode())) for line in target.host_keys}
    blobs = [public_blob(read_public_key(line.encode())) for line in shown]
    if pinned.isdisjoint(blobs):
        found = f"it shows another: {', '.join(map(fingerprint, blobs))}"
        to_do = "somebody may stand between. Compare with the target's console before you pin it"
        yield failed(at, tried, found, to_do)
    else:
        yield Trial(key=at, tried=tried, found="is pinned")
