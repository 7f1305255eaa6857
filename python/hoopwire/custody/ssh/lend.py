"""Makes the lease of an SSH session: a certificate signed for it, or the target's key or password."""

import functools

import msgspec
import trio

from hoopwire.custody.lease import LeaseFailed, Resolve, addresses_of, resolve_host
from hoopwire.custody.source import SourceFailed, read_public_file, read_secret
from hoopwire.custody.ssh.authorities import TargetsAuthority
from hoopwire.model.commands import Lease
from hoopwire.model.ssh.keys import (
    KeyFault,
    pkcs8,
    public_blob,
    read_private_key,
    read_public_key,
    read_public_keys,
)
from hoopwire.model.ssh.login import Login, LoginGrant
from hoopwire.model.ssh.settings import SshTarget


async def lend_login(
    target: SshTarget,
    wanted: LoginGrant,
    authority: TargetsAuthority | None,
    now: float,
    resolve: Resolve | None = None,
    threads: trio.CapacityLimiter | None = None,
) -> Lease:
    """Lend one login at the target, for one session that begins at `now` (Unix seconds).

    LeaseFailed if any part is missing: a login that the target does not list, its address, its host keys,
    what it logs in with.
    """
    if resolve is None:
        resolve = functools.partial(resolve_host, threads=threads)
    try:
        if wanted.login not in target.logins:
            # The target would count an unknown user as an attack, and shut out everybody who comes from here.
            raise SourceFailed(f"{target.host} has no login {wanted.login}")
        addresses = await addresses_of(target, resolve)
        keys = tuple(public_blob(read_public_key(line.encode())) for line in target.host_keys)
        authorities: tuple[bytes, ...] = ()
        if target.host_ca is not None:
            authorities = read_public_keys((await read_public_file(target.host_ca, threads)).encode())
        if not keys and not authorities:
            raise SourceFailed(f"no host key or CA to know {target.host} by")
        key, certificate, password = await _credential(target, wanted, authority, now, threads)
    except SourceFailed as error:
        raise LeaseFailed(str(error)) from None
    except KeyFault as error:
        raise LeaseFailed(f"a key for {target.host} {error}") from None
    login = Login(
        key=key,
        certificate=certificate,
        host_keys=keys,
        host_authorities=authorities,
        host_name=target.host_name or target.host,
    )
    return Lease(
        addresses=tuple(addresses),
        tls=False,
        server_name="",
        ca_pem="",
        user=wanted.login,
        database="",
        password=password,
        login=msgspec.msgpack.encode(login),
    )


async def _credential(
    target: SshTarget,
    wanted: LoginGrant,
    authority: TargetsAuthority | None,
    now: float,
    threads: trio.CapacityLimiter | None,
) -> tuple[bytes, bytes, str]:
    """Private key, certificate and password; empty where there is none."""
    if target.login_by == "certificate":
        if authority is None:
            raise SourceFailed("ssh.targets_ca was not there when the gateway started: restart it")
        return *authority.certify(wanted, now), ""
    if target.credential is None:
        raise SourceFailed("no credential is configured")
    secret = await read_secret(target.credential, threads)
    if target.login_by == "password":
        return b"", b"", secret
    return pkcs8(read_private_key(secret.encode())), b"", ""
