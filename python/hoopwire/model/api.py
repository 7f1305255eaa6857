"""The Structs of both HTTP APIs: requests refuse unknown keys; answers carry Unix seconds and RFC 3339."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from hoopwire.model.grant import Budgets, Grant, Limits, Mask, Used
from hoopwire.model.lock import Lock
from hoopwire.model.spending import budget_use
from hoopwire.model.statistics import EngineStatistics, SessionBudget
from hoopwire.model.units import MOST_LOCKED_S

Where = Literal["store", "journal", "memory"]
"""Where a change is kept: `memory` alone does not outlive the process."""


class GrantRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/grants`. What is left out is what the policy gives."""

    target: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=256, examples=["orders", "orders/analytics", "web1/deploy"]),
    ]
    """`orders`, or `orders/analytics` for one database of it; `web1/deploy` for one login."""
    actions: tuple[str, ...] | None = None
    ttl: Annotated[
        float | str | None, msgspec.Meta(description="Seconds, or `90s`, `10m`, `1h`.", examples=["10m", 600])
    ] = None
    task: Annotated[str, msgspec.Meta(max_length=128)] = ""
    purpose: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    ssh_public_key: Annotated[
        str,
        msgspec.Meta(
            max_length=4096,
            description="Of an SSH target: one line, `ssh-ed25519 AAAA...`. The answer has a certificate over"
            " it, in place of a secret.",
        ),
    ] = ""
    source_addresses: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            max_length=16, description="With `ssh_public_key`: addresses or networks that it is good from."
        ),
    ] = ()
    renews: Annotated[
        str, msgspec.Meta(max_length=64, description="Id of a grant of yours to follow; never wider.")
    ] = ""


class GrantView(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as people and programs see it."""

    id: str
    state: str
    issuer: str
    principal: str
    name: str
    kind: str
    target: str
    databases: tuple[str, ...]
    """Of an SSH target: its logins."""
    actions: tuple[str, ...]
    deny: tuple[str, ...]
    """Refused although `actions` give it."""
    masks: tuple[str, ...]
    """Columns whose values are masked: `public.customers.email`."""
    budgets: Budgets
    limits: Limits
    budget: SessionBudget
    """Used and limit of each budget, over all its sessions."""
    policy: str
    matched: tuple[str, ...] = ()
    """What of the principal the policy names: `cid:0oa1`, `group analysts`."""
    groups: tuple[str, ...] = ()
    """All that its token had."""
    groups_source: str = ""
    """Where its issuer's groups come from: `claim`, `scopes` or `static`."""
    groups_as_of: float = 0.0
    scopes: tuple[str, ...] = ()
    task: str
    purpose: str
    mint: str
    ssh_key: str = ""
    """Fingerprint of the key that opens it; empty: a secret, or the token that bought it."""
    token_reuse: str
    max_sessions: int
    minted_at: float
    expires_at: float
    expires: str
    ended_at: float | None
    ended_by: str
    ended_reason: str
    pending: bool = False
    """The store does not have this state yet; it is tried again."""


class GrantList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to the operators' `GET /v1/grants`, newest first."""

    grants: tuple[GrantView, ...]


class GrantIssued(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `POST /v1/grants`: one credential, a secret (shown here and never again) or a certificate."""

    grant: GrantView
    secret: str
    """Empty with `ssh_public_key`."""
    connect: str
    """A psql or ssh command line; the secret is the password."""
    certificate: str = ""
    """With `ssh_public_key`: one line, to be written into KEY-cert.pub."""
    known_hosts: tuple[str, ...] = ()
    """Of an SSH target: lines for known_hosts, by which the client knows the gateway."""


class SshView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /v1/ssh`: where SSH clients find the gateway, and whom to take for it."""

    names: tuple[str, ...]
    """What they may type; the first will do."""
    port: int
    known_hosts: tuple[str, ...]
    """Lines for known_hosts: the CAs of its host key, or the key."""


class Ending(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of the operators' revoke and end verbs."""

    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""
    operator: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9._@-]*$")] = ""
    grants: tuple[str, ...] = ()
    """Of `POST /v1/grants/revoke`."""
    sessions: tuple[str, ...] = ()
    """Of `POST /v1/sessions/end`."""
    lock: bool = False
    """Lock the principals of the grants, too."""
    for_s: Annotated[float, msgspec.Meta(gt=0, le=MOST_LOCKED_S)] | None = None
    """With `lock`: for this long; none is until it is lifted."""


class Locking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of the operators' lock and unlock verbs."""

    principal: str
    issuer: str = ""
    """Name of an `[issuers.NAME]`, or one of its issuer strings; empty is every issuer."""
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""
    operator: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9._@-]*$")] = ""
    for_s: Annotated[float, msgspec.Meta(gt=0, le=MOST_LOCKED_S)] | None = None


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator's verb ended."""

    ended: int
    """Sessions that have ended, those that were still logging in among them."""
    left: tuple[str, ...]
    """Sessions that were told to end and have not within ten seconds."""


class LockView(msgspec.Struct, frozen=True, kw_only=True):
    """A lock as people and programs see it."""

    id: str
    principal: str
    issuer: str
    """Empty: every issuer."""
    at: float
    until: float | None
    by: str
    reason: str
    lifted_at: float | None
    lifted_by: str
    lifted_reason: str
    kept: Where


class RevokedView(Cut, frozen=True, kw_only=True):
    """What became of one grant that was to be revoked."""

    id: str
    found: bool
    grant: GrantView | None
    """None if there is none of that id, or nobody can say."""
    kept: Where
    """Where its end is written: `store`; `journal` (a restart knows it, the store follows); `memory`."""
    lock: LockView | None = None


class RevokedList(msgspec.Struct, frozen=True, kw_only=True):
    """What became of several grants."""

    grants: tuple[RevokedView, ...]


class LockList(msgspec.Struct, frozen=True, kw_only=True):
    """Locks, newest first."""

    locks: tuple[LockView, ...]


class Unlocked(msgspec.Struct, frozen=True, kw_only=True):
    """The locks that were lifted, as they were."""

    lifted: tuple[LockView, ...]


class LockAnswer(Cut, frozen=True, kw_only=True):
    """What a lock did."""

    lock: LockView
    seen: bool | None
    """A grant was ever made for it, or the config file names it; none if the store could not say."""
    similar: tuple[str, ...]
    """Keys that differ in upper and lower case only: they are locked, too."""


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A live session."""

    session: str
    grant: str
    principal: str
    name: str
    target: str
    database: str
    peer: str
    started_at: float
    expires_at: float
    expires: str
    statements: int
    rows: int
    bytes_in: int
    bytes_out: int
    budget: SessionBudget
    """Used and limit of each budget of the session's grant, over all its sessions."""


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """Live sessions."""

    sessions: tuple[SessionView, ...]


class GrantShown(msgspec.Struct, frozen=True, kw_only=True):
    """One grant and its live sessions."""

    grant: GrantView
    sessions: tuple[SessionView, ...]


class EndedView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one session that was to be ended."""

    session: str
    found: bool
    ended: bool
    """False if there was none, or it has not ended within ten seconds."""


class EndedList(msgspec.Struct, frozen=True, kw_only=True):
    """What became of several sessions."""

    sessions: tuple[EndedView, ...]


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's counters since start."""

    version: str
    draining: bool
    pending: int
    """Changes that the store does not have yet."""
    locks: int
    log_lost: int = 0
    """Log lines that stderr did not take."""
    audit_unwritten: int = 0
    """Audit lines that stderr or the file did not take; the store has them."""
    engine: EngineStatistics


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why nobody can be admitted."""

    cause: str
    """Stable name, see control/health.py."""
    detail: str = ""


class IssuerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an issuer's keys."""

    issuer: str
    usable: bool
    keys: int
    age_s: float | None
    """Of the keys in use."""
    failures: int
    """Fetches that failed since the start."""
    last_error: str
    """Of the last fetch; empty if it worked."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the gateway can admit anybody, and what else an operator should look at."""

    version: str
    ready: bool
    causes: tuple[Cause, ...]
    issuers: tuple[IssuerStatus, ...]
    sessions: int
    pending: int
    """Changes that the store does not have yet."""
    log_lost: int
    audit_unwritten: int


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did."""

    cut: int
    """Grants that the policies no longer give; their sessions ended."""
    narrowed: int
    restart_needed: tuple[str, ...]
    """Settings that changed in the file and only count after a restart."""


def rfc3339(at: float) -> str:
    """Unix seconds as RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def column_text(mask: Mask) -> str:
    """The column of a mask."""
    return f"{mask.schema}.{mask.relation}.{mask.column}"


def lock_view(lock: Lock, kept: Where) -> LockView:
    """What is shown of a lock."""
    shown = {name: getattr(lock, name) for name in LockView.__struct_fields__ if name != "kept"}
    return LockView(kept=kept, **shown)


def grant_view(grant: Grant, used: Used, *, pending: bool = False) -> GrantView:
    """What is shown of a grant."""
    return GrantView(
        id=grant.id,
        state=grant.state,
        issuer=grant.principal.issuer,
        principal=grant.principal.key,
        name=grant.principal.name,
        kind=grant.principal.kind,
        target=grant.target,
        databases=grant.databases,
        actions=grant.actions,
        deny=grant.deny,
        masks=tuple(map(column_text, grant.masks)),
        budgets=grant.budgets,
        limits=grant.limits,
        budget=budget_use(grant.budgets, used),
        policy=grant.policy,
        matched=grant.matched,
        groups=grant.evidence.groups,
        groups_source=grant.evidence.groups_source,
        groups_as_of=grant.evidence.groups_as_of,
        scopes=grant.evidence.scopes,
        task=grant.task,
        purpose=grant.purpose,
        mint=grant.mint,
        ssh_key=grant.ssh.key if grant.ssh is not None else "",
        token_reuse=grant.token_reuse,
        max_sessions=grant.max_sessions,
        minted_at=grant.minted_at,
        expires_at=grant.expires_at,
        expires=rfc3339(grant.expires_at),
        ended_at=grant.ended_at,
        ended_by=grant.ended_by,
        ended_reason=grant.ended_reason,
        pending=pending,
    )
