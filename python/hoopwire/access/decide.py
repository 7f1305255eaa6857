"""identity + request + settings -> Offer or Denial. Pure, synchronous, deterministic.

Three rules:
1. A grant comes from one policy. Policies are tried in the order of the file, and the first that speaks
   about the identity and covers the whole request wins; rights are never pieced together from several.
2. Widening is refused, never trimmed: what is asked and not covered is named in the Denial.
3. A grant ends at the earliest of policy ttl, requested ttl and the token's `exp`.
"""

import hashlib

import msgspec

from hoopwire.access import denials
from hoopwire.access.match import granted_databases, identity_mismatch
from hoopwire.access.request import MIN_TTL_S, AccessRequest, check_request
from hoopwire.model.actions import Action
from hoopwire.model.coverage import missing
from hoopwire.model.grammar import parse_actions, parse_deny
from hoopwire.model.grant import Budgets, Denial, Grant, Mask, Mint, RecordResults, TokenReuse
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.obligations import policy_budgets, policy_masks
from hoopwire.model.settings import PolicySettings, Settings, TargetSettings


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """All of a grant but its id: what the store writes down once the ledger agrees. Times: Unix seconds."""

    principal: Principal
    evidence: Evidence
    mint: Mint
    target: str
    upstream_user: str
    database: str
    """The database asked for now; one of `databases`."""
    databases: tuple[str, ...]
    """In the target's order."""
    actions: tuple[str, ...]
    """Canonical texts."""
    deny: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    budgets: Budgets = Budgets()
    search_path: tuple[str, ...] = ("public",)
    policy: str
    policy_hash: str
    task: str
    purpose: str
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
    malformed = check_request(request)
    if malformed is not None:
        return malformed
    target = settings.targets.get(request.target)
    policies = [
        policy for policy in settings.policies if identity_mismatch(policy, identity, settings) is None
    ]
    if target is not None:
        policies = [policy for policy in policies if granted_databases(policy, request.target, target)]
    if target is None or not policies:
        return denials.target_not_granted(request, identity, settings)

    covering = cover(policies, request, target, identity, mint)
    if isinstance(covering, Denial):
        return covering
    left_s = identity.evidence.exp - now
    if left_s < MIN_TTL_S:
        return denials.token_expires_too_soon(left_s, MIN_TTL_S)
    return _offer(covering, identity, request, target, now, mint)


def cover(
    policies: list[PolicySettings],
    request: AccessRequest,
    target: TargetSettings,
    identity: Identity,
    mint: Mint,
) -> PolicySettings | Denial:
    """The first policy that covers the request whole, or the Denial for the first thing that none covers."""
    name = request.target
    having = [policy for policy in policies if _has_database(policy, request, target, mint)]
    if not having:
        databases = denials.union_of_databases(policies, name, target)
        return denials.database_not_granted(request, identity, name, target, databases)
    asked = parse_actions(request.actions or ())
    lacking = [lacking_actions(policy, asked) for policy in having]
    allowing = [policy for policy, lacks in zip(having, lacking, strict=True) if not lacks]
    if not allowing:
        nowhere = [part for part in lacking[0] if all(part in lacks for lacks in lacking)]
        return denials.actions_not_granted(identity, name, nowhere or list(map(str, asked)), having)
    lasting = [policy for policy in allowing if request.ttl is None or request.ttl <= policy.ttl]
    if not lasting:
        return denials.ttl_not_granted(identity, name, request.ttl or 0.0, allowing)
    return lasting[0]


def lacking_actions(policy: PolicySettings, asked: tuple[Action, ...]) -> list[str]:
    """What of the actions asked for is not within the policy's, part by part."""
    granted = parse_actions(policy.actions)
    return list(dict.fromkeys(part for action in asked for part in missing(granted, action)))


def policy_hash(policy: PolicySettings, name: str, target: TargetSettings) -> str:
    """SHA-256, in hex, of the canonical JSON (sorted keys) of the policy and the target it was applied to."""
    parts = {"policy": policy, "target": {"name": name, "settings": target}}
    canonical = msgspec.json.encode(parts, enc_hook=float, order="sorted")
    return hashlib.sha256(canonical).hexdigest()


def _has_database(policy: PolicySettings, request: AccessRequest, target: TargetSettings, mint: Mint) -> bool:
    databases = granted_databases(policy, request.target, target)
    if request.database is not None:
        return request.database in databases
    # An explicit mint that names no database is content with any: it does not connect, and its answer lists
    # what was opened. A connection to a bare target means the target's first database, never another.
    return bool(databases) if mint == "explicit" else target.databases[0] in databases


def _offer(
    policy: PolicySettings,
    identity: Identity,
    request: AccessRequest,
    target: TargetSettings,
    now: float,
    mint: Mint,
) -> Offer:
    databases = granted_databases(policy, request.target, target)
    database = databases[0] if request.database is None else request.database
    if mint == "explicit" and request.database is not None:
        databases = (database,)
    ttl = policy.ttl if request.ttl is None else min(policy.ttl, request.ttl)
    return Offer(
        principal=identity.principal,
        evidence=identity.evidence,
        mint=mint,
        target=request.target,
        upstream_user=target.user,
        database=database,
        databases=databases,
        actions=texts(policy.actions if request.actions is None else request.actions),
        deny=deny_texts(policy.deny),
        masks=policy_masks(policy),
        budgets=policy_budgets(policy.budgets),
        search_path=target.search_path,
        policy=policy.name,
        policy_hash=policy_hash(policy, request.target, target),
        task=request.task,
        purpose=request.purpose,
        token_reuse=policy.token_reuse,
        max_sessions=policy.max_sessions,
        record_results=policy.record,
        minted_at=now,
        expires_at=min(now + ttl, float(identity.evidence.exp)),
    )


def texts(actions: tuple[str, ...]) -> tuple[str, ...]:
    """Actions in their canonical form, each once."""
    return tuple(map(str, parse_actions(actions)))


def deny_texts(deny: tuple[str, ...]) -> tuple[str, ...]:
    """Denies in their canonical form, each once."""
    return tuple(dict.fromkeys(parse_deny(text).deny_text for text in deny))
