"""The grant: what a principal may do on a target until when, what is masked, and what it may use up."""

from typing import Literal

import msgspec

from hoopwire.model.identity import Evidence, Principal

ActionClass = Literal["query", "function-call", "replication"]
ACTION_CLASSES: tuple[ActionClass, ...] = ("query", "function-call", "replication")
"""Coarse actions. `query` is any statement, unread; the others are protocol messages of their own."""

Protocol = Literal["postgres", "ssh"]
"""What a target speaks: by it a grant on it is compiled to that protocol's rights."""
GrantState = Literal["active", "exhausted", "expired", "revoked"]
TokenReuse = Literal["once", "window", "until_exp"]
RecordResults = Literal["digest", "full"]
Mint = Literal["implicit", "explicit"]
MaskKind = Literal["null", "fixed", "hash", "partial", "range"]


class Mask(msgspec.Struct, frozen=True, kw_only=True):
    """What is delivered in place of a column's values. Fields that the kind does not use keep defaults."""

    schema: str
    relation: str
    column: str
    kind: MaskKind
    value: str = ""
    """Of `fixed`."""
    first: int = 0
    """Of `partial`: characters kept at the start."""
    last: int = 0
    """Of `partial`: characters kept at the end."""
    step: float = 0.0
    """Of `range`: numbers are rounded down to a multiple of it."""
    compare: bool = False
    """The column may be compared, sorted and grouped by, although that leaks."""


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """What a grant may use up, over all its sessions; none is no limit."""

    rows: int | None = None
    bytes: int | None = None
    statements: int | None = None
    wall_time_s: float | None = None
    """Time in which statements run."""


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What a grant has used of its budgets, over all its sessions. What it has no budget of may stay 0."""

    rows: int = 0
    bytes: int = 0
    statements: int = 0
    wall_time_s: float = 0.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a grant's sessions may be silent, and how many there may be; none is no limit."""

    idle_s: float | None = None
    idle_in_transaction_s: float | None = None
    sessions: int | None = None
    """At a time, of the grant's principal at its target, under whatever grant."""


class SshBinding(msgspec.Struct, frozen=True, kw_only=True):
    """The key that a grant's certificate is over: the grant is opened by it, and by nothing else."""

    key: str
    """Its fingerprint, `SHA256:...`."""
    authority: str
    """Fingerprint of the CA that signed the certificate."""
    source_addresses: tuple[str, ...] = ()
    """Addresses or networks that it is good from; empty: all."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One grant. A final state (everything but `active`) is never left. Times are Unix seconds (float)."""

    id: str
    """`g_` + ULID."""
    principal: Principal
    evidence: Evidence
    mint: Mint
    target: str
    protocol: Protocol = "postgres"
    ssh: SshBinding | None = None
    """None: a secret opens it, or the token that bought it."""
    upstream_user: str
    """Empty at an SSH target: there it is the login that each session asks for."""
    databases: tuple[str, ...]
    """Databases of the target this grant opens, of an SSH target its logins; in the target's order."""
    actions: tuple[str, ...]
    """Canonical texts: `query`, `select on public.orders` (see `model/postgres/actions.py`)."""
    deny: tuple[str, ...] = ()
    """Canonical texts of what is refused although `actions` give it."""
    masks: tuple[Mask, ...] = ()
    masks_must_match: bool = False
    """No session lives while a mask matches no column of the target."""
    budgets: Budgets = Budgets()
    used: Used = Used()
    """As the store had it when the grant was read; the engine may know of more."""
    limits: Limits = Limits()
    search_path: tuple[str, ...] = ("public",)
    """The target's, as it was: a live session's names keep their meaning."""
    policy: str
    policy_hash: str
    matched: tuple[str, ...] = ()
    """What of the identity the policy names: `cid:0oa1`, `group analysts`."""
    task: str = ""
    purpose: str = ""
    token_reuse: TokenReuse = "window"  # noqa: S105 - a mode, not a secret
    max_sessions: int = 16
    record_results: RecordResults = "digest"
    minted_at: float
    expires_at: float
    state: GrantState = "active"
    ended_at: float | None = None
    ended_by: str = ""
    """Who or what ended it: `time`, `budget`, `operator:NAME`, `policy`, `gateway`."""
    ended_reason: str = ""
