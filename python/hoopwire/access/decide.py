"""Decides what an identity gets for a request: an Offer by one policy, or a Denial. Pure, deterministic.

Four rules:
1. A grant comes from one policy. Policies are tried in the order of the file, and the first that speaks
   about the identity and covers the whole request wins; rights are never pieced together from several.
2. Widening is refused, never trimmed: what is asked and not covered is named in the Denial.
3. A policy with effect = "deny" ends the search: nothing that stands behind it is asked, however the request
   is worded.
4. A grant ends at the earliest of policy ttl, requested ttl and the token's `exp`.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from hoopwire.access import denials
from hoopwire.access.match import Opening, Reach, named_by, reach
from hoopwire.access.request import MIN_TTL_S, AccessRequest, check_request
from hoopwire.model.denial import Denial
from hoopwire.model.grant import (
    Budgets,
    Grant,
    Limits,
    Mask,
    Mint,
    Protocol,
    RecordResults,
    SshBinding,
    TokenReuse,
)
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.language import LANGUAGES
from hoopwire.model.limits import policy_limits
from hoopwire.model.postgres.obligations import policy_budgets, policy_masks
from hoopwire.model.settings import PolicySettings, PostgresTarget, Settings, TargetSettings


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """All of a grant but its id: what the store writes down once the ledger agrees. Times: Unix seconds."""

    principal: Principal
    evidence: Evidence
    mint: Mint
    target: str
    protocol: Protocol = "postgres"
    upstream_user: str
    database: str
    """The database asked for now; one of `databases`."""
    databases: tuple[str, ...]
    """In the target's order."""
    actions: tuple[str, ...]
    """Canonical texts."""
    deny: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    masks_must_match: bool = False
    budgets: Budgets = Budgets()
    limits: Limits = Limits()
    search_path: tuple[str, ...] = ("public",)
    policy: str
    policy_hash: str
    matched: tuple[str, ...] = ()
    task: str
    purpose: str
    ssh: SshBinding | None = None
    token_reuse: TokenReuse
    max_sessions: int
    record_results: RecordResults
    minted_at: float
    expires_at: float

    def grant(self, id: str) -> Grant:
        """The active grant of this offer under the given id (`g_` + ULID)."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "database"}
        return Grant(id=id, **fields)


def decide(
    identity: Identity, request: AccessRequest, settings: Settings, now: float, *, mint: Mint
) -> Offer | Denial:
    """Decide one request at `now` (Unix seconds).

    An explicit mint that names a database opens that one only. An implicit mint opens every database that the
    policy has on the target, so that pools and `\\c` work with the same token.
    """
    target = settings.target(request.target)
    malformed = check_request(request, "postgres" if target is None else target.protocol)
    if malformed is not None:
        return malformed
    found = reach(identity, request.target, target, settings)
    covering = _chosen(found, request, target, identity, settings, mint)
    if isinstance(covering, Denial):
        denying = found.denial(*_asked(request, target, mint))
        return covering if denying is None else denials.policy_denies(request, denying, target)
    assert target is not None
    left_s = identity.evidence.exp - now
    if left_s < MIN_TTL_S:
        return denials.token_expires_too_soon(left_s, MIN_TTL_S)
    return _offer(covering, identity, request, target, now, mint)


def _chosen(
    found: Reach,
    request: AccessRequest,
    target: TargetSettings | None,
    identity: Identity,
    settings: Settings,
    mint: Mint,
) -> Opening | Denial:
    if target is None or not found.openings:
        return denials.target_not_granted(request, identity, settings)
    if request.protocol not in (None, target.protocol):
        return denials.other_protocol(request.target, target.protocol)
    return cover(found.openings, request, target, identity, mint)


def _asked(
    request: AccessRequest, target: TargetSettings | None, mint: Mint
) -> tuple[str | None, tuple[str, ...]]:
    """The database that the request means (none: any will do), and those of the target."""
    databases = () if target is None else target.parts
    if request.database is None and mint == "implicit" and databases:
        return databases[0], databases
    return request.database, databases


def cover(
    openings: Sequence[Opening],
    request: AccessRequest,
    target: TargetSettings,
    identity: Identity,
    mint: Mint,
) -> Opening | Denial:
    """The first policy that covers the request whole, or the Denial for the first thing that none covers."""
    name = request.target
    having = [opening for opening in openings if _has_database(opening, request, target, mint)]
    if not having:
        databases = denials.union_of_databases(openings, target)
        return denials.database_not_granted(request, identity, name, target, databases)
    language = LANGUAGES[target.protocol]
    asked = language.asked(request.actions or ())
    lacks = [asked.lacking(opening.policy.actions) for opening in having]
    allowing = [opening for opening, parts in zip(having, lacks, strict=True) if not parts]
    policies = [opening.policy for opening in having]
    if not allowing:
        nowhere = [part for part in lacks[0] if all(part in parts for parts in lacks)]
        return denials.actions_not_granted(identity, name, nowhere or asked.texts, policies)
    lasting = [opening for opening in allowing if request.ttl is None or request.ttl <= opening.policy.ttl]
    if not lasting:
        policies = [opening.policy for opening in allowing]
        return denials.ttl_not_granted(identity, name, request.ttl or 0.0, policies)
    return lasting[0]


def policy_hash(policy: PolicySettings, name: str, target: TargetSettings) -> str:
    """SHA-256, in hex, of the canonical JSON (sorted keys) of the policy and the target it was applied to."""
    parts = {"policy": policy, "target": {"name": name, "settings": target}}
    canonical = msgspec.json.encode(parts, enc_hook=float, order="sorted")
    return hashlib.sha256(canonical).hexdigest()


def upstream_user(target: TargetSettings) -> str:
    """Who sessions are at the target. None of SSH: there it is the login that each session asks for."""
    return target.user if isinstance(target, PostgresTarget) else ""


def _has_database(opening: Opening, request: AccessRequest, target: TargetSettings, mint: Mint) -> bool:
    databases = opening.databases
    if request.database is not None:
        return request.database in databases
    # An explicit mint that names no database is content with any: it does not connect, and its answer lists
    # what was opened. A connection to a bare target means the target's first database, never another.
    return bool(databases) if mint == "explicit" else target.parts[0] in databases


def _offer(
    opening: Opening,
    identity: Identity,
    request: AccessRequest,
    target: TargetSettings,
    now: float,
    mint: Mint,
) -> Offer:
    policy, databases = opening.policy, opening.databases
    database = databases[0] if request.database is None else request.database
    if mint == "explicit" and request.database is not None:
        databases = (database,)
    language = LANGUAGES[target.protocol]
    ttl = policy.ttl if request.ttl is None else min(policy.ttl, request.ttl)
    return Offer(
        principal=identity.principal,
        evidence=identity.evidence,
        mint=mint,
        target=request.target,
        upstream_user=upstream_user(target),
        database=database,
        databases=databases,
        actions=language.canonical(policy.actions if request.actions is None else request.actions),
        deny=language.canonical_deny(policy.deny),
        masks=policy_masks(policy),
        masks_must_match=policy.masks_must_match,
        budgets=policy_budgets(policy.budgets),
        limits=policy_limits(policy.limits),
        protocol=target.protocol,
        search_path=target.search_path if isinstance(target, PostgresTarget) else (),
        policy=policy.name,
        policy_hash=policy_hash(policy, request.target, target),
        matched=named_by(policy, identity),
        task=request.task,
        purpose=request.purpose,
        ssh=request.ssh,
        token_reuse=policy.token_reuse,
        max_sessions=policy.max_sessions,
        record_results=policy.record,
        minted_at=now,
        expires_at=min(now + ttl, float(identity.evidence.exp)),
    )
