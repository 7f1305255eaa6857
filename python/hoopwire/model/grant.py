"""The grant: principal may do actions on target until T, with obligations."""

from typing import Literal

import msgspec

from hoopwire.model.identity import Evidence, Principal

Action = Literal["query", "function-call", "replication"]
ACTIONS: tuple[Action, ...] = ("query", "function-call", "replication")

GrantState = Literal["active", "exhausted", "expired", "revoked"]
TokenReuse = Literal["once", "window", "until_exp"]
RecordResults = Literal["digest", "full"]
Mint = Literal["implicit", "explicit"]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One grant. A final state (everything but `active`) is never left. Times are Unix seconds (float)."""

    id: str
    """`g_` + ULID."""
    principal: Principal
    evidence: Evidence
    mint: Mint
    target: str
    protocol: Literal["postgres"] = "postgres"
    upstream_user: str
    databases: tuple[str, ...]
    """Databases of the target this grant opens; the first is the one a bare `dbname=TARGET` means."""
    actions: tuple[Action, ...]
    policy: str
    policy_hash: str
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
    """Who or what ended it: `time`, `operator:NAME`, `policy`, `gateway`."""
    ended_reason: str = ""


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """Why not. `message`, `detail` and `hint` go to the principal; `internal` to the audit event only."""

    sqlstate: str
    code: str
    """Stable machine-readable reason, for example `target_not_granted`."""
    message: str
    detail: str = ""
    hint: str = ""
    internal: str = ""
