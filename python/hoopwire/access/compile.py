"""Grant -> what the data plane decides by."""

from datetime import UTC, datetime

from hoopwire.model.commands import CompiledGrant
from hoopwire.model.grant import Grant


def compile_grant(
    grant: Grant, database: str, *, now: float, monotonic_ns: int, notice_s: float
) -> CompiledGrant:
    """Compile for one session. `now` (Unix seconds) and `monotonic_ns` are the same moment on both clocks.

    The deadline is on the monotonic clock, rounded down: setting the wall clock back later prolongs nothing.
    ValueError if the grant does not hold the database or is not active.
    """
    if database not in grant.databases:
        raise ValueError(f"grant {grant.id} does not hold the database")
    if grant.state != "active":
        raise ValueError(f"grant {grant.id} is {grant.state}")
    left_ns = max(0, int((grant.expires_at - now) * 1e9))
    principal = grant.principal
    return CompiledGrant(
        id=grant.id,
        issuer=principal.issuer,
        principal=principal.key,
        principal_name=principal.name,
        principal_kind=principal.kind,
        target=grant.target,
        database=database,
        actions=grant.actions,
        policy=grant.policy,
        policy_hash=grant.policy_hash,
        task=grant.task,
        record_results=grant.record_results,
        minted_at=grant.minted_at,
        expires_at=grant.expires_at,
        expires_text=f"{datetime.fromtimestamp(grant.expires_at, UTC):%Y-%m-%d %H:%M:%S} UTC",
        deadline_monotonic_ns=monotonic_ns + left_ns,
        notice_s=notice_s,
    )
