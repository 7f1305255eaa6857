"""What the control plane tells the engine: encoded to MessagePack maps.

Field names are the contract with `rust/bindings/src/decode.rs`.
"""

import msgspec

from hoopwire.model.fault import Fault
from hoopwire.model.grant import Budgets, Protocol, RecordResults, Used
from hoopwire.model.postgres.rights import CompiledPostgres
from hoopwire.model.ssh.login import HostKey
from hoopwire.model.ssh.rights import CompiledSsh


class EngineLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Caps and deadlines; see `LimitSettings`."""

    connections: int
    connections_per_address: int
    unadmitted_per_address: int
    tls_handshake_s: float
    startup_s: float
    admission_s: float
    upstream_login_s: float
    statement_bytes: int


class EngineRecording(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how the engine records; see `RecordingSettings`."""

    directory: str
    node: str
    signing_key_pem: str
    synced: bool
    segment_bytes: int
    seal_after_s: float
    checkpoint_every_s: float
    floor_bytes: int


class EngineListener(msgspec.Struct, frozen=True, kw_only=True):
    """A place to listen at."""

    address: str
    """`HOST:PORT`."""
    protocol: Protocol


class EngineSsh(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine needs to speak SSH with clients."""

    host_keys: tuple[HostKey, ...]
    """At least one; the first is the one of now."""
    agents_authorities: tuple[bytes, ...]
    """Public keys (blobs) of the CAs that sign principals' certificates; empty: grant secrets only."""
    prompts: bool
    """Who asks for keyboard-interactive waits for the control plane's prompt; else it is a grant secret's."""


class EngineProtocols(msgspec.Struct, frozen=True, kw_only=True):
    """What protocols need for all their sessions, where they need anything."""

    ssh: EngineSsh | None = None
    """Required with a listener of that protocol."""


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What `Engine(...)` is made from."""

    listen: tuple[EngineListener, ...]
    reactors: int
    tls_certificate_pem: str
    tls_key_pem: str
    limits: EngineLimits
    recording: EngineRecording
    protocols: EngineProtocols = EngineProtocols()


Rights = CompiledPostgres | CompiledSsh
"""What a grant opens: a tagged union, one Struct for each protocol."""


class CompiledGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as the data plane decides by it. `version` guards the seam."""

    version: int = 7
    id: str
    issuer: str
    principal: str
    """Principal key: `cid:...` or `uid:...`."""
    principal_name: str
    principal_kind: str
    target: str
    database: str
    rights: Rights
    idle_s: float | None = None
    """How long a session may be silent, on both sides."""
    budgets: Budgets = Budgets()
    used: Used = Used()
    """What was used before the engine knew the grant. It never lowers its own count by this."""
    policy: str
    policy_hash: str
    task: str = ""
    record_results: RecordResults = "digest"
    minted_at: float
    expires_at: float
    """Unix seconds; for lists."""
    expires_text: str
    """The same as text, for refusals: `2026-11-23 22:15:00 UTC`."""
    deadline_monotonic_ns: int
    """CLOCK_MONOTONIC (`time.monotonic_ns()`): when the session is cut. No leeway."""
    notice_s: float
    """A NOTICE goes out this long before the deadline; 0 means none."""

    def __repr__(self) -> str:
        return f"CompiledGrant(id={self.id!r}, ...)"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream credential, lent to one session."""

    addresses: tuple[tuple[str, int], ...]
    """Resolved IP addresses and ports, tried in order."""
    tls: bool
    server_name: str
    ca_pem: str
    """CA bundle; required with `tls`."""
    client_certificate_pem: str = ""
    client_key_pem: str = ""
    user: str
    """Upstream user; at an SSH target the login."""
    database: str
    """Upstream database; empty at an SSH target."""
    password: str = ""
    login: bytes = b""
    """Of an SSH target: `model.ssh.login.Login` as MessagePack. A secret. Empty otherwise."""

    def __repr__(self) -> str:
        return f"Lease(user={self.user!r}, database={self.database!r}, ...)"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What a principal is asked that logs in interactively."""

    instruction: str
    """For a person; lines."""
    question: str
    """The question itself; what is typed is not shown."""
    wait_s: float
    """How long the engine waits for the answer, and then for `admit`; 10 minutes at most."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Words for the principal; `closed_by` and `reason` are for the recording and the audit."""

    fault: Fault
    """The protocol's own code is the engine's to find."""
    message: str
    detail: str = ""
    hint: str = ""
    closed_by: str = "gateway"
    reason: str = ""
