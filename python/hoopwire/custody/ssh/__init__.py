"""The gateway's keys for SSH: reads them, signs certificates with three CAs, lends logins at targets."""

from hoopwire.custody.ssh.authorities import AgentsAuthority, HostsAuthority, TargetsAuthority
from hoopwire.custody.ssh.keyring import Keyring, KeyringFailed, open_keyring

__all__ = [
    "AgentsAuthority",
    "HostsAuthority",
    "Keyring",
    "KeyringFailed",
    "TargetsAuthority",
    "open_keyring",
]
