"""The config file as Structs. Unknown keys are refused; a new field has a default.

`config` decodes the TOML file into `Settings`; identity, access and custody take their own part of it.
Paths are absolute here: `config` has resolved them against the folder of the file.
"""

from typing import Literal

import msgspec

from hoopwire.model.grant import Action, RecordResults, TokenReuse
from hoopwire.model.units import Bytes, Seconds


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every part of the file."""


class TlsSettings(_Part, frozen=True, kw_only=True):
    """The gateway's own certificate chain and key, PEM."""

    certificate: str
    key: str


class ListenSettings(_Part, frozen=True, kw_only=True):
    """Where the gateway answers. `HOST:PORT`; port 0 lets the system choose."""

    postgres: tuple[str, ...]
    control: str | None = None
    """HTTPS control API (`POST /v1/grants`); none means implicit mint only."""
    admin_socket: str = "hoopwire-admin.sock"
    """Unix socket of the operators' API, mode 0600: whoever may open it is an operator."""
    tls: TlsSettings


class LimitSettings(_Part, frozen=True, kw_only=True):
    """Fixed caps."""

    connections: int = 10_000
    connections_per_address: int = 1_000
    unadmitted_per_address: int = 64
    """Connections of one source address that have not been admitted yet."""
    tls_handshake: Seconds = Seconds(10)
    startup: Seconds = Seconds(10)
    """From TLS up to the startup packet, and again up to the password."""
    admission: Seconds = Seconds(15)
    """Identity, policy and lease."""
    upstream_login: Seconds = Seconds(15)
    statement: Bytes = Bytes(4 * 1024 * 1024)
    """Largest Query or Parse body."""


class RecordingSettings(_Part, frozen=True, kw_only=True):
    """The recording; it cannot be switched off."""

    directory: str
    signing_key: str
    """Ed25519 private key, PEM (PKCS#8): `hoopwire keygen recording`."""
    durability: Literal["written", "synced"] = "written"
    segment: Bytes = Bytes(64 * 1024 * 1024)
    seal_after: Seconds = Seconds(300)
    checkpoint_every: Seconds = Seconds(60)
    checkpoints: str | None = None
    """File that signed checkpoints are appended to; put it where the gateway cannot rewrite it."""
    floor: Bytes = Bytes(64 * 1024 * 1024)
    """No session is admitted when the volume has less room than this."""


class GatewaySettings(_Part, frozen=True, kw_only=True):
    """This gateway."""

    node: str = "gateway"
    audience: str
    """The one `aud` that tokens must carry."""
    reactors: int = 0
    """Data threads; 0 means one per core."""
    state: str = "state"
    """Directory of the SQLite store and the secret hash key."""
    expiry_notice: Seconds = Seconds(60)
    drain: Seconds = Seconds(30)
    """How long sessions may go on after SIGTERM."""


class GroupsSettings(_Part, frozen=True, kw_only=True):
    """Where a principal's groups come from: exactly one source, never a union."""

    source: Literal["claim", "scopes", "static"] = "claim"
    claim: str = "groups"
    scope_prefix: str = ""
    """With `scopes`: only scopes with this prefix count, and the prefix is cut off."""
    members: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """With `static`: principal key (`cid:...` or `uid:...`) to groups."""


class IssuerSettings(_Part, frozen=True, kw_only=True):
    """One issuer whose access tokens are accepted."""

    issuer: tuple[str, ...] | str
    """Exact issuer strings (more than one for custom domains); compared byte by byte, never normalised."""
    kind: Literal["okta", "oidc"] = "okta"
    algorithms: tuple[str, ...] = ("RS256",)
    required_scope: str = ""
    groups: GroupsSettings = GroupsSettings()
    agents: tuple[str, ...] = ()
    """Client ids to be shown as `ai_agent` rather than `service`."""
    dev: bool = False
    """A loopback dev issuer: plain http and loopback addresses allowed; never mixed with a real one."""
    ca: str | None = None
    """CA bundle for the issuer's own TLS, if not the system's."""

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuer strings as a tuple."""
        return (self.issuer,) if isinstance(self.issuer, str) else self.issuer


class CredentialSettings(_Part, frozen=True, kw_only=True):
    """Where the upstream secret comes from: exactly one of `file`, `env`, `command`, `trust`, or a certificate."""

    file: str | None = None
    env: str | None = None
    command: tuple[str, ...] | None = None
    certificate: str | None = None
    key: str | None = None
    trust: bool = False


class TargetSettings(_Part, frozen=True, kw_only=True):
    """A configured thing behind the gateway."""

    protocol: Literal["postgres"] = "postgres"
    host: str
    port: int = 5432
    databases: tuple[str, ...]
    """Databases of this target; the first is what a bare `dbname=TARGET` means."""
    user: str
    """Upstream user the gateway logs in as."""
    credential: CredentialSettings
    tls: Literal["verify-full", "disable"] = "verify-full"
    ca: str | None = None
    server_name: str | None = None
    """Name the target's certificate must carry, if not `host`."""


class PolicySettings(_Part, frozen=True, kw_only=True):
    """Groups (or single principals) to targets, actions, time and obligations."""

    name: str
    groups: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    """Principal keys: `cid:0oa...`, `uid:00u...`; with `issuer` when several are configured."""
    issuer: str | None = None
    """Name of an `[issuers.NAME]`; none means any configured issuer."""
    targets: tuple[str, ...]
    """`orders` (its first database), `orders/analytics`, `orders/*`."""
    actions: tuple[Action, ...] = ("query",)
    ttl: Seconds = Seconds(900)
    max_sessions: int = 16
    token_reuse: TokenReuse = "window"  # noqa: S105 - a mode, not a secret
    record: RecordResults = "digest"


class Settings(_Part, frozen=True, kw_only=True):
    """The whole file."""

    gateway: GatewaySettings
    listen: ListenSettings
    limits: LimitSettings = LimitSettings()
    recording: RecordingSettings
    issuers: dict[str, IssuerSettings]
    targets: dict[str, TargetSettings]
    policies: tuple[PolicySettings, ...]
