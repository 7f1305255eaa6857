"""Makes the lease of a session: reads the target's credential, addresses and trust anchors anew."""

import functools
import ipaddress
import socket
from collections.abc import Awaitable, Callable

import trio

from hoopwire.custody.source import (
    SourceFailed,
    read_environment,
    read_public_file,
    read_secret_file,
    run_command,
)
from hoopwire.model.commands import Lease
from hoopwire.model.fault import Fault
from hoopwire.model.settings import CredentialSettings, PostgresTarget, TargetSettings

RESOLVE_TIMEOUT_S = 10.0

Resolve = Callable[[str, int], Awaitable[list[tuple[str, int]]]]
"""Host and port to IP addresses and ports, in the order to try. OSError or nothing if there are none."""


class LeaseFailed(Exception):
    """No lease. `message` is for the principal and names neither host nor source; `internal` is for the log.

    Neither holds any part of a secret.
    """

    fault: Fault = "target_unreachable"
    """It is the gateway that could not, not the principal."""
    message = "the gateway cannot log in to this target at the moment"
    hint = "Try again later; the gateway's operator finds the reason in the log."

    def __init__(self, internal: str) -> None:
        super().__init__(internal)
        self.internal = internal


async def lease(
    target: PostgresTarget,
    database: str,
    resolve: Resolve | None = None,
    threads: trio.CapacityLimiter | None = None,
) -> Lease:
    """Lend the target's credential for one session on `database`. LeaseFailed if any part is missing."""
    if resolve is None:
        resolve = functools.partial(resolve_host, threads=threads)
    secured = target.tls == "verify-full"
    try:
        addresses = await addresses_of(target, resolve)
        if not secured and not all(ipaddress.ip_address(address).is_loopback for address, _ in addresses):
            # `localhost` can be made to mean anything; the password must not leave in clear.
            raise SourceFailed(f"{target.host} without TLS is not on loopback")
        ca_pem = await read_public_file(target.ca, threads) if secured and target.ca is not None else ""
        if secured and not ca_pem:
            raise SourceFailed("no CA to verify the target with")
        certificate, key, password = await _credential(target.credential, threads)
    except SourceFailed as error:
        raise LeaseFailed(str(error)) from None
    return Lease(
        addresses=tuple(addresses),
        tls=secured,
        server_name=target.server_name or target.host,
        ca_pem=ca_pem,
        client_certificate_pem=certificate,
        client_key_pem=key,
        user=target.user,
        database=database,
        password=password,
    )


async def resolve_host(
    host: str, port: int, threads: trio.CapacityLimiter | None = None
) -> list[tuple[str, int]]:
    """Addresses of a host in the system's order (RFC 6724), each once."""
    # Not trio's: that takes a thread of those that all names share, and a silent resolver keeps it for long.
    ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    found = await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=threads)
    addresses = (
        (str(address[0]), int(address[1]))
        for family, _, _, _, address in found
        if family in (socket.AF_INET, socket.AF_INET6)
    )
    return list(dict.fromkeys(addresses))


async def addresses_of(target: TargetSettings, resolve: Resolve) -> list[tuple[str, int]]:
    """Addresses of the target, at least one. SourceFailed."""
    found: list[tuple[str, int]] = []
    with trio.move_on_after(RESOLVE_TIMEOUT_S) as scope:
        try:
            found = await resolve(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise SourceFailed(f"cannot resolve {target.host}: {error}") from None
    if scope.cancelled_caught:
        raise SourceFailed(f"cannot resolve {target.host}: no answer within {RESOLVE_TIMEOUT_S:g} s")
    if not found:
        raise SourceFailed(f"{target.host} has no address")
    return found


async def _credential(
    credential: CredentialSettings, threads: trio.CapacityLimiter | None
) -> tuple[str, str, str]:
    """Client certificate, its key, and password; empty where there is none."""
    if credential.file is not None:
        return "", "", await read_secret_file(credential.file, threads)
    if credential.env is not None:
        return "", "", read_environment(credential.env)
    if credential.command is not None:
        return "", "", await run_command(credential.command)
    if credential.certificate is not None and credential.key is not None:
        certificate = await read_public_file(credential.certificate, threads)
        return certificate, await read_secret_file(credential.key, threads), ""
    if credential.trust:
        return "", "", ""
    raise SourceFailed("no credential is configured")
