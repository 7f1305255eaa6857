"""Grant -> what the data plane decides by."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from hoopwire.model.commands import CompiledGrant, Rights
from hoopwire.model.grant import Grant, Protocol
from hoopwire.model.postgres.actions import Rule
from hoopwire.model.postgres.coverage import denied, held
from hoopwire.model.postgres.patterns import Pattern
from hoopwire.model.postgres.rights import CompiledPostgres, CompiledRule, CompiledRules
from hoopwire.model.ssh import coverage as ssh
from hoopwire.model.ssh.rights import CompiledSsh

MASK_KEY_BYTES = 32


def compile_grant(
    grant: Grant,
    database: str,
    *,
    now: float,
    monotonic_ns: int,
    notice_s: float,
    mask_key: bytes = b"",
    own: tuple[str, ...] = (),
) -> CompiledGrant:
    """Compile for one session. `now` (Unix seconds) and `monotonic_ns` are the same moment on both clocks.

    The deadline is on the monotonic clock, rounded down: setting the wall clock back later prolongs nothing.
    `mask_key` is the secret that masked values are hashed with; the engine gets it only if there are masks.
    `own` is where the gateway listens as the target would reach it (`own_places`).
    What the grant opens is compiled to the rights of its protocol.
    ValueError if the grant does not hold the database or is not active, or has masks and there is no key.
    """
    if database not in grant.databases:
        raise ValueError(f"grant {grant.id} does not hold the database")
    if grant.state != "active":
        raise ValueError(f"grant {grant.id} is {grant.state}")
    if grant.masks and len(mask_key) != MASK_KEY_BYTES:
        raise ValueError(f"grant {grant.id} has masks, and there is no key for them")
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
        rights=_RIGHTS[grant.protocol](grant, database, mask_key, own),
        idle_s=grant.limits.idle_s,
        budgets=grant.budgets,
        used=grant.used,
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


def _postgres(grant: Grant, database: str, mask_key: bytes, own: tuple[str, ...]) -> CompiledPostgres:
    classes, rules = compiled_actions(grant.actions, grant.deny, grant.search_path)
    return CompiledPostgres(
        actions=classes,
        rules=rules,
        action_texts=grant.actions,
        masks=grant.masks,
        masks_must_match=grant.masks_must_match,
        mask_key=mask_key if grant.masks else b"",
        target_id=f"{grant.target}/{database}",
        idle_in_transaction_s=grant.limits.idle_in_transaction_s,
    )


@lru_cache(maxsize=256)
def compiled_actions(
    actions: tuple[str, ...], deny: tuple[str, ...], search_path: tuple[str, ...]
) -> tuple[tuple[str, ...], CompiledRules | None]:
    """Classes for the engine, and rules if statements are decided one by one."""
    expansion = held(actions).expansion
    if not expansion.is_exact:
        return expansion.classes, None
    rules = CompiledRules(
        allow=tuple(map(_compiled_rule, expansion.rules)),
        deny=tuple(map(_compiled_rule, denied(deny))),
        words=expansion.words,
        search_path=search_path,
        read_only=expansion.is_read_only,
    )
    return ("statements", *expansion.classes), rules


def _compiled_rule(rule: Rule) -> CompiledRule:
    return CompiledRule(verbs=rule.verbs, objects=_pairs(rule.objects), excluded=_pairs(rule.excluded))


def _pairs(patterns: tuple[Pattern, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((pattern.schema, pattern.name) for pattern in patterns)


def _ssh(grant: Grant, database: str, mask_key: bytes, own: tuple[str, ...]) -> CompiledSsh:
    return CompiledSsh(actions=compiled_ssh(grant.actions), action_texts=grant.actions, own=own)


@lru_cache(maxsize=256)
def compiled_ssh(actions: tuple[str, ...]) -> tuple[str, ...]:
    """Canonical texts without presets."""
    return tuple(map(str, ssh.held(actions).plain))


_RIGHTS: dict[Protocol, Callable[[Grant, str, bytes, tuple[str, ...]], Rights]] = {
    "postgres": _postgres,
    "ssh": _ssh,
}
"""What compiles a grant's actions, masks and the like, by protocol."""
