"""Says what the policies would give an identity, policy by policy. Pure."""

from hoopwire.access.match import all_targets, database_name, reach, speaking, spoken
from hoopwire.model.api import column_text
from hoopwire.model.identity import Identity
from hoopwire.model.language import LANGUAGES
from hoopwire.model.me import PolicyView
from hoopwire.model.postgres.obligations import policy_budgets, policy_masks
from hoopwire.model.settings import PolicySettings, Settings


def opened(identity: Identity, settings: Settings) -> tuple[PolicyView, ...]:
    """Each policy that opens something, in the order of the file; what a deny before it takes is left out."""
    places: dict[str, list[str]] = {}
    for name, target in all_targets(speaking(identity, settings), settings).items():
        for opening in reach(identity, name, target, settings).openings:
            names = (database_name(name, target, part) for part in opening.databases)
            places.setdefault(opening.policy.name, []).extend(names)
    return tuple(
        _view(policy, tuple(places[policy.name]), settings)
        for policy in settings.policies
        if policy.name in places
    )


def _view(policy: PolicySettings, opens: tuple[str, ...], settings: Settings) -> PolicyView:
    protocol = spoken(policy, settings)
    language = LANGUAGES[protocol]
    return PolicyView(
        policy=policy.name,
        protocol=protocol,
        opens=opens,
        actions=language.canonical(policy.actions),
        deny=language.canonical_deny(policy.deny),
        masks=tuple(map(column_text, policy_masks(policy))),
        budgets=policy_budgets(policy.budgets),
        ttl_s=float(policy.ttl),
        max_sessions=policy.max_sessions,
        token_reuse=policy.token_reuse,
    )
