"""Reads what policies' and grants' texts come to, ahead of time and in a thread that nobody waits for.

Deciding is quick for who comes after: the control plane's one thread is not held by a policy of thousands of
rules.
"""

from collections.abc import Iterable

from hoopwire.access.compile import compiled_actions, compiled_ssh
from hoopwire.access.match import spoken
from hoopwire.access.regrant import regrant
from hoopwire.model.grant import Grant, Protocol
from hoopwire.model.language import LANGUAGES
from hoopwire.model.postgres.obligations import policy_masks
from hoopwire.model.settings import PolicySettings, PostgresTarget, Settings

_MANY = 50


def is_long(one: Grant | PolicySettings) -> bool:
    """Deciding by it takes so long that it wants a thread, unless it was prepared just now."""
    texts = (*one.actions, *one.deny)
    return max(len(texts) + len(one.masks), sum(map(len, texts)) // 40) > _MANY


def prepare(settings: Settings, grants: Iterable[Grant], now: float) -> None:
    """Make ready for logins under these settings, and for deciding the grants anew."""
    paths = {target.search_path for target in settings.targets.values() if isinstance(target, PostgresTarget)}
    for policy in settings.policies:
        if policy.effect == "allow":
            protocol = spoken(policy, settings)
            language = LANGUAGES[protocol]
            texts, deny = language.canonical(policy.actions), language.canonical_deny(policy.deny)
            language.covered(policy.actions, texts)
            policy_masks(policy)
            _compile(protocol, texts, deny, paths)
    for grant in grants:
        prepare_grant(grant, settings, now)


def prepare_grant(grant: Grant, settings: Settings, now: float) -> None:
    """Make ready for deciding one grant anew and for compiling it."""
    decided = regrant(grant, settings, now)
    if isinstance(decided, Grant):
        _compile(decided.protocol, decided.actions, decided.deny, (decided.search_path,))
    if grant.ssh is not None:
        # Its certificate says what it opened when that was signed.
        compiled_ssh(grant.actions)


def _compile(
    protocol: Protocol, actions: tuple[str, ...], deny: tuple[str, ...], paths: Iterable[tuple[str, ...]]
) -> None:
    if protocol == "ssh":
        compiled_ssh(actions)
        return
    for path in paths:
        compiled_actions(actions, deny, path)
