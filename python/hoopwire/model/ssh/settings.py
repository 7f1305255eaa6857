"""The config file's Structs of SSH: the gateway's own keys, and a target behind it."""

from typing import Literal

from hoopwire.model.part import File, Part, SecretFile
from hoopwire.model.units import Seconds


class SecretSettings(Part, frozen=True, kw_only=True):
    """Where a secret is kept: exactly one of `file`, `env`, `command`."""

    file: SecretFile | None = None
    """File that holds it."""
    env: str | None = None
    """Environment variable that holds it."""
    command: tuple[str, ...] | None = None
    """Program and arguments, run without a shell; its output is the secret."""


class SshSettings(Part, frozen=True, kw_only=True):
    """The gateway's keys for SSH: each a file (OpenSSH's or PKCS#8 PEM), or a table that says where it is.

    Three CAs, and no two of them may have the same key: a certificate that agents hold must not open a
    target, and one that opens a target must not stand for a host.
    """

    host_key: SecretFile | SecretSettings
    """Private key that the gateway shows to clients: `hoopwire keygen ssh`."""
    host_key_previous: SecretFile | SecretSettings | None = None
    """While the host key is being changed: the one before, shown beside it."""
    agents_ca: SecretFile | SecretSettings | None = None
    """Signs the certificates of principals. Only the gateway trusts it. None: grant secrets only."""
    agents_ca_previous: File | None = None
    """Public key of the CA before: what it has signed is accepted, nothing new is signed by it."""
    targets_ca: SecretFile | SecretSettings | None = None
    """Signs one certificate for each session at a target; targets trust it. None: keys and passwords only."""
    targets_ca_previous: File | None = None
    """Public key of the CA before, for the lines that `hoopwire check` prints for the targets."""
    host_ca: SecretFile | SecretSettings | None = None
    """Signs the certificate of the gateway's host key; clients trust it. None: clients pin the host key."""
    host_ca_previous: File | None = None
    """Public key of the CA before, for the lines that clients are given."""
    names: tuple[str, ...] = ()
    """Names of the gateway that its host certificate lists: what clients type. Required with `host_ca`."""
    source_addresses: tuple[str, ...] = ()
    """Addresses that targets see the gateway at: certificates for targets are good from there only."""
    certificate: Seconds = Seconds(120)
    """How long a certificate for a target is good: it is used once, at the login of one session."""
    revoked_keys: tuple[str, ...] = ()
    """Fingerprints (`SHA256:...`) of principals' keys, or of CAs, whose certificates are refused."""


class SshTarget(Part, frozen=True, kw_only=True):
    """An SSH server behind the gateway."""

    protocol: Literal["ssh"]
    """What the target speaks."""
    host: str
    """Host name or IP address. Of a block for many hosts (`[targets."web*"]`): `web*.internal`."""
    names: tuple[str, ...] = ()
    """Of a block for many hosts: the names there are, and no other; none means every name that fits."""
    port: int = 22
    """TCP port."""
    logins: tuple[str, ...]
    """Accounts that may be used there, and no other; the first is what the bare target name means."""
    host_keys: tuple[str, ...] = ()
    """The target's host keys, `ssh-ed25519 AAAA...`: `hoopwire targets scan NAME` shows them."""
    host_ca: File | None = None
    """Public keys of the CA that signs the target's host key, a line each; or of several."""
    host_name: str | None = None
    """With `host_ca`: the name that the host's certificate must list, if not `host`."""
    login_by: Literal["certificate", "key", "password"] = "certificate"
    """With a certificate of `ssh.targets_ca`, made for each session; a key; or a password."""
    credential: SecretSettings | None = None
    """With `key` or `password`: where that is kept."""

    @property
    def parts(self) -> tuple[str, ...]:
        """What of it a policy or a grant can open alone; the first is what its bare name means."""
        return self.logins
