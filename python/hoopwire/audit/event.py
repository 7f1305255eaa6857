"""What an audit event holds."""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Identity, Vouched
from hoopwire.model.plain import plain_json

Kind = Literal[
    "gateway.started",
    "gateway.stopped",
    "gateway.reloaded",
    "gateway.reload_failed",
    "gateway.not_ready",
    "gateway.ready",
    "keys.refresh_failed",
    "keys.refreshed",
    "connection.refused",
    "session.denied",
    "session.started",
    "session.ended",
    "policy.unmatched",
    "grant.minted",
    "grant.denied",
    "grant.narrowed",
    "grant.revoked",
    "grant.expired",
    "grant.exhausted",
    "principal.locked",
    "principal.unlocked",
    "store.not_kept",
    "store.kept_late",
    "role.made",
    "role.dropped",
    "role.drop_failed",
    "recording.failed",
    "recording.resumed",
    "recording.recovered",
    "audit.lost",
    "bug",
]


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact. Empty fields are left out of the JSON; `time` (RFC 3339) repeats `at` (Unix seconds)."""

    time: str = ""
    at: float
    kind: Kind
    node: str = ""
    """`gateway.node` of the gateway that says it."""
    iss: str = ""
    cid: str = ""
    uid: str = ""
    jti: str = ""
    kid: str = ""
    act: tuple[str, ...] = ()
    principal: str = ""
    """Display name only."""
    grant: str = ""
    session: str = ""
    target: str = ""
    database: str = ""
    """Of an SSH target the login."""
    ssh_key: str = ""
    """Fingerprint of the key that the grant's certificate is over."""
    role: str = ""
    """Name of the database role that was made for the grant."""
    policy: str = ""
    matched: tuple[str, ...] = ()
    """What of the principal the policy names: `cid:0oa1`, `group analysts`."""
    groups: tuple[str, ...] = ()
    """All that the token had, of a mint or a denial; so are its scopes."""
    groups_source: str = ""
    scopes: tuple[str, ...] = ()
    task: str = ""
    mint: str = ""
    peer: str = ""
    channel: str = ""
    code: str = ""
    """Stable machine-readable reason."""
    reason: str = ""
    """The precise reason, for people who run the gateway."""
    by: str = ""
    expires_at: float = 0
    statements: int = 0
    rows: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    count: int = 0

    def line(self) -> bytes:
        """One line of JSON without its newline."""
        at = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return plain_json(msgspec.json.encode(msgspec.structs.replace(self, time=at)))


def identity_event(kind: Kind, at: float, identity: Identity, **fields: Any) -> AuditEvent:
    """An event about a verified identity that has no grant."""
    return AuditEvent(kind=kind, at=at, **(_who(identity) | _grounds(identity.evidence) | fields))


def _who(identity: Identity) -> dict[str, Any]:
    principal, evidence = identity.principal, identity.evidence
    return {
        "iss": principal.issuer,
        "cid": principal.cid,
        "uid": principal.uid or "",
        "act": principal.actors,
        "principal": principal.name,
        "jti": evidence.jti,
        "kid": evidence.kid,
    }


def _grounds(evidence: Evidence) -> dict[str, Any]:
    """What policies decide by."""
    return {
        "groups": evidence.groups,
        "groups_source": evidence.groups_source,
        "scopes": evidence.scopes,
    }


def vouched_event(kind: Kind, at: float, vouched: Vouched) -> AuditEvent:
    """An event about a token that was refused after its signature held."""
    return AuditEvent(kind=kind, at=at, **msgspec.structs.asdict(vouched))


def grant_event(kind: Kind, at: float, grant: Grant, **fields: Any) -> AuditEvent:
    """An event about a grant and the identity behind it."""
    named = {
        "grant": grant.id,
        "target": grant.target,
        "policy": grant.policy,
        "task": grant.task,
        "mint": grant.mint,
        "ssh_key": grant.ssh.key if grant.ssh is not None else "",
        "expires_at": grant.expires_at,
    }
    identity = Identity(principal=grant.principal, evidence=grant.evidence)
    if kind == "grant.minted":
        named |= _grounds(grant.evidence) | {"matched": grant.matched}
    return AuditEvent(kind=kind, at=at, **(_who(identity) | named | fields))
