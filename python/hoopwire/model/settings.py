"""The Structs of the config file. Unknown keys are refused; a new field has a default.

`config` decodes the TOML file into `Settings`; identity, access and custody take their own part of it.
Paths are absolute here: `config` has resolved them against the folder of the file.
"""

from typing import Literal

import msgspec

from hoopwire.model.grant import MaskKind, RecordResults, TokenReuse
from hoopwire.model.part import ADMIN_SOCKET, Directory, File, Part, Place, SecretFile
from hoopwire.model.ssh.hosts import found, typed
from hoopwire.model.ssh.settings import SecretSettings, SshSettings, SshTarget
from hoopwire.model.units import Bytes, Seconds

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Signatures that an issuer's list may hold: asymmetric ones (RFC 7518 section 3.1, RFC 8037), which it alone
can make. What checks the file and what verifies tokens have them from here."""


class TlsSettings(Part, frozen=True, kw_only=True):
    """The gateway's own certificate and key."""

    certificate: File
    """Certificate chain, PEM, the gateway's own certificate first."""
    key: SecretFile
    """Private key of the certificate, PEM, not encrypted."""


class ListenSettings(Part, frozen=True, kw_only=True):
    """Where the gateway answers. `HOST:PORT`; port 0 lets the system choose."""

    postgres: tuple[str, ...] = ()
    """PostgreSQL clients connect here."""
    ssh: tuple[str, ...] = ()
    """SSH clients connect here; needs `[ssh]`."""
    control: str | None = None
    """HTTPS control API (`POST /v1/grants`); none means implicit mint only."""
    public_host: str | None = None
    """Name by which clients reach the gateway, for the connection lines that it shows."""
    admin_socket: Place = ADMIN_SOCKET
    """Unix socket of the operators' API, mode 0600: whoever may open it is an operator."""
    tls: TlsSettings
    """Certificate and key of all listeners."""


class LimitSettings(Part, frozen=True, kw_only=True):
    """Fixed caps."""

    connections: int = 10_000
    """Open connections in all."""
    connections_per_address: int = 1_000
    """Open connections of one source address."""
    unadmitted_per_address: int = 64
    """Connections of one source address that have not been admitted yet."""
    tls_handshake: Seconds = Seconds(10)
    """From accept to the end of the TLS handshake."""
    startup: Seconds = Seconds(10)
    """From TLS up to the startup packet, and again up to the password."""
    admission: Seconds = Seconds(15)
    """Identity, policy and lease."""
    upstream_login: Seconds = Seconds(15)
    """Connecting and logging in to the target."""
    statement: Bytes = Bytes(4 * 1024 * 1024)
    """Largest Query or Parse body."""


class RecordingSettings(Part, frozen=True, kw_only=True):
    """The recording; it cannot be switched off."""

    directory: Directory
    """Where segments are written. Give it a volume of its own."""
    signing_key: SecretFile
    """Ed25519 private key, PEM (PKCS#8): `hoopwire keygen recording`."""
    durability: Literal["written", "synced"] = "written"
    """Kept means: handed to the kernel (survives a crash of the gateway), or on disk (of the machine)."""
    segment: Bytes = Bytes(64 * 1024 * 1024)
    """A segment is sealed at this size."""
    seal_after: Seconds = Seconds(300)
    """A segment is sealed at this age, whatever its size."""
    checkpoint_every: Seconds = Seconds(60)
    """How often the signed head of each stream is written out."""
    checkpoints: Place | None = None
    """File that signed checkpoints are appended to; put it where the gateway cannot rewrite it."""
    floor: Bytes = Bytes(64 * 1024 * 1024)
    """No session is admitted when the volume has less room than this."""


class GatewaySettings(Part, frozen=True, kw_only=True):
    """This gateway."""

    node: str = "gateway"
    """Name of this gateway in recordings and audit events; one of its own for each gateway."""
    audience: str
    """The one `aud` that tokens must carry."""
    reactors: int = 0
    """Data threads; 0 means one per core."""
    state: Directory = "state"
    """Directory of the SQLite store and the secret hash key."""
    expiry_notice: Seconds = Seconds(60)
    """A NOTICE goes to the client this long before its grant ends; 0 means none."""
    drain: Seconds = Seconds(30)
    """How long sessions may go on after SIGTERM."""
    contact: str = ""
    """Whom a refused principal may turn to: a name, an address, a channel. Told with each refusal."""
    keep_audit: Seconds = Seconds(7_776_000)
    """How long audit rows stay in the store; 0 means for ever."""
    keep_grants: Seconds = Seconds(7_776_000)
    """How long grants stay in the store after their end; 0 means for ever."""


class GroupsSettings(Part, frozen=True, kw_only=True):
    """Where a principal's groups come from: exactly one source, never a union."""

    source: Literal["claim", "scopes", "static"] = "claim"
    """A claim of the token, its scopes, or the `members` below."""
    claim: str = "groups"
    """With `claim`: the claim's name."""
    scope_prefix: str = ""
    """With `scopes`: only scopes with this prefix count, and the prefix is cut off."""
    members: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """With `static`: principal key (`cid:...` or `uid:...`) to groups."""


class DeviceSettings(Part, frozen=True, kw_only=True):
    """People log in to ssh with their browser (RFC 8628): the gateway as a client of the issuer."""

    client_id: str
    """Of the application that the issuer has registered for this gateway."""
    client_secret: SecretSettings | None = None
    """Where its secret is kept, if it has one."""
    scopes: tuple[str, ...] = ()
    """What is asked for; none means `required_scope`."""
    wait: Seconds = Seconds(300)
    """How long a person has at most, however long the issuer's code is good: up to 5 minutes."""


class IssuerSettings(Part, frozen=True, kw_only=True):
    """One issuer whose access tokens are accepted."""

    issuer: tuple[str, ...] | str
    """Exact issuer strings (more than one for custom domains); compared byte by byte, never normalised."""
    kind: Literal["okta", "keycloak", "oidc"] = "okta"
    """An Okta custom authorization server, a Keycloak realm, or another provider with JWT access tokens."""
    algorithms: tuple[str, ...] = ("RS256",)
    """Signature algorithms accepted; never `none` or HS*."""
    required_scope: str = ""
    """A scope that each token must carry; empty means none."""
    groups: GroupsSettings = GroupsSettings()
    """Where groups come from."""
    agents: tuple[str, ...] = ()
    """Client ids to be shown as `ai_agent` rather than `service`."""
    dev: bool = False
    """A loopback dev issuer: plain http and loopback addresses allowed; never mixed with a real one."""
    ca: File | None = None
    """CA bundle for the issuer's own TLS, if not the system's."""
    device: DeviceSettings | None = None
    """People may log in to ssh with their browser. One issuer can have it."""
    addresses: tuple[str, ...] = ()
    """Where an issuer is that has no public address: `10.0.0.5`, `10.0.0.0/24`; and nowhere else."""
    proxy: str | None = None
    """HTTP proxy on the way to the issuer: `http://proxy.example:3128`. The environment names none."""

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuer strings as a tuple."""
        return (self.issuer,) if isinstance(self.issuer, str) else self.issuer


class CredentialSettings(Part, frozen=True, kw_only=True):
    """The upstream secret: exactly one of `file`, `env`, `command`, `trust`, or `certificate` with `key`."""

    file: SecretFile | None = None
    """File that holds the password; one newline at its end is cut off."""
    env: str | None = None
    """Environment variable that holds the password."""
    command: tuple[str, ...] | None = None
    """Program and arguments, run without a shell at each lease; its output is the password."""
    certificate: File | None = None
    """Client certificate, PEM; with `key`."""
    key: SecretFile | None = None
    """Private key of the client certificate, PEM."""
    trust: bool = False
    """The target asks for nothing."""


class PostgresTarget(Part, frozen=True, kw_only=True):
    """A PostgreSQL server behind the gateway."""

    protocol: Literal["postgres"] = "postgres"
    """What the target speaks."""
    host: str
    """Host name or IP address."""
    port: int = 5432
    """TCP port."""
    databases: tuple[str, ...]
    """Databases of this target; the first is what a bare `dbname=TARGET` means."""
    user: str
    """Upstream user the gateway logs in as."""
    credential: CredentialSettings
    """How it logs in."""
    tls: Literal["verify-full", "disable"] = "verify-full"
    """TLS with certificate and name checked, or none (loopback only)."""
    ca: File | None = None
    """CA bundle, PEM, that the target's certificate must come from; required with `verify-full`."""
    server_name: str | None = None
    """Name the target's certificate must carry, if not `host`."""
    search_path: tuple[str, ...] = ("public",)
    """Schemas where names without a schema are looked for, after pg_catalog; pinned for each session."""
    role: Literal["fixed", "ephemeral"] = "fixed"
    """Sessions run as `user`, or as a role made for each grant with exactly the grant's privileges."""

    @property
    def parts(self) -> tuple[str, ...]:
        """What of it a policy or a grant can open alone; the first is what its bare name means."""
        return self.databases


TargetSettings = PostgresTarget | SshTarget
"""A configured thing behind the gateway. `protocol` says which; a grant is compiled to its rights."""


class MaskSettings(Part, frozen=True, kw_only=True):
    """What is delivered in place of a column's values."""

    kind: MaskKind
    """NULL, one text for all, a keyed hash, the first and last characters, or numbers rounded down."""
    value: str | None = None
    """With `fixed`: the text."""
    first: int | None = None
    """With `partial`: characters kept at the start (default 0)."""
    last: int | None = None
    """With `partial`: characters kept at the end (default 4)."""
    step: float | None = None
    """With `range`: numbers are rounded down to a multiple of this."""
    compare: bool = False
    """The column may be compared, sorted and grouped by, although that leaks."""


class BudgetSettings(Part, frozen=True, kw_only=True):
    """What a grant may use up, over all its sessions."""

    rows: int | None = None
    """Rows delivered."""
    bytes: Bytes | None = None
    """Bytes delivered."""
    statements: int | None = None
    """Statements run."""
    wall_time: Seconds | None = None
    """Time in which statements run."""


class PolicyLimitSettings(Part, frozen=True, kw_only=True):
    """How long the sessions of a policy may be silent, and how many of them there may be."""

    idle: Seconds | None = None
    """A session in which neither side says anything for so long is ended; none: not before its grant ends."""
    idle_in_transaction: Seconds | None = None
    """The same while a transaction is open, which may hold locks; PostgreSQL only."""
    sessions: int | None = None
    """Sessions at a time of one principal at one target, whatever grants they are under."""


class PolicySettings(Part, frozen=True, kw_only=True):
    """Groups (or single principals) to targets, actions, time and obligations."""

    name: str
    """Name in grants, recordings and audit events."""
    effect: Literal["allow", "deny"] = "allow"
    """`deny` refuses, whatever is asked for, and no later policy is asked."""
    reason: str = ""
    """With `deny`: why; told to the principal."""
    groups: tuple[str, ...] = ()
    """Any one of these groups is enough."""
    principals: tuple[str, ...] = ()
    """Principal keys: `cid:0oa...`, `uid:00u...`; with `issuer` when several are configured."""
    issuer: str | None = None
    """Name of an `[issuers.NAME]`; none means any configured issuer."""
    who: Literal["anyone", "agent", "person"] = "anyone"
    """Of those groups and principals only agents (services, AI agents), or only people (users)."""
    targets: tuple[str, ...]
    """`orders` (its first database), `orders/analytics`, `orders/*`. In a deny: `orders` (all of it), `*`."""
    actions: tuple[str, ...] = ("read-only",)
    """What may be done: `select on public.*`, a preset such as `read-only`, or `query` for any statement."""
    deny: tuple[str, ...] = ()
    """What may not be done although `actions` give it: `all on public.secrets`, `call app.*`."""
    masks: dict[str, MaskKind | MaskSettings] = msgspec.field(default_factory=dict)
    """Columns (`public.customers.email`) whose values are not delivered, and what is in their place."""
    masks_must_match: bool = False
    """A session in which a mask matches no column of the target is refused, not only told of."""
    budgets: BudgetSettings = BudgetSettings()
    """What each grant may use up."""
    limits: PolicyLimitSettings = PolicyLimitSettings()
    """How long sessions may be silent, and how many of a principal there may be."""
    ttl: Seconds = Seconds(900)
    """A grant lives at most this long: 30 s to 1 h."""
    max_sessions: int = 16
    """Sessions at a time under one grant."""
    token_reuse: TokenReuse = "window"  # noqa: S105 - a mode, not a secret
    """May a token connect again: never, while its grant lives, or until its own end (lab only)."""
    record: RecordResults = "digest"
    """What the recording keeps of results: row counts and a digest, or all of them."""


class Settings(Part, frozen=True, kw_only=True):
    """The whole file."""

    gateway: GatewaySettings
    """This gateway."""
    listen: ListenSettings
    """Where it answers."""
    limits: LimitSettings = LimitSettings()
    """Caps and deadlines."""
    recording: RecordingSettings
    """The recording."""
    issuers: dict[str, IssuerSettings]
    """Issuers by a name of your choice."""
    ssh: SshSettings | None = None
    """The gateway's keys for SSH."""
    targets: dict[str, TargetSettings]
    """Targets by the name that clients type: as `dbname`, or before the `@` of ssh."""
    policies: tuple[PolicySettings, ...]
    """Policies, in the order in which they are tried: the first that covers a request makes the grant."""

    def target(self, name: str) -> TargetSettings | None:
        """What clients mean by this name: a target, or a host of a block. None if there is no such."""
        return found(self.targets, name)

    def typed_names(self) -> list[str]:
        """A name that clients can type for each target of the file."""
        return [typed(name, target) for name, target in self.targets.items()]
