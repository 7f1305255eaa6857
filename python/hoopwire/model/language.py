"""The actions of each protocol as texts: what reads them, and what says whether some lie within others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hoopwire.model.action import ActionError
from hoopwire.model.grant import Protocol
from hoopwire.model.postgres import coverage as postgres_coverage
from hoopwire.model.postgres import grammar as postgres
from hoopwire.model.ssh import coverage as ssh_coverage
from hoopwire.model.ssh import grammar as ssh

Texts = Iterable[str]


@dataclass(frozen=True)
class Language:
    """One protocol's. ActionError from each function where a text is no action of it."""

    canonical: Callable[[Texts], tuple[str, ...]]
    """Actions in their canonical form, each once."""
    canonical_deny: Callable[[Texts], tuple[str, ...]]
    """Entries of `deny` in theirs."""
    missing: Callable[[Texts, Texts], tuple[str, ...]]
    """Of granted and asked actions: what is asked and not granted, part by part, as one would ask for it."""
    example: str
    """For whoever wrote something else."""
    wide: str
    """One text that stands for many."""


def _postgres(texts: Texts) -> tuple[str, ...]:
    return tuple(map(str, postgres.parse_actions(texts)))


def _postgres_deny(texts: Texts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(postgres.parse_deny(text).deny_text for text in texts))


def _postgres_missing(granted: Texts, asked: Texts) -> tuple[str, ...]:
    there = postgres.parse_actions(granted)
    actions = postgres.parse_actions(asked)
    return tuple(
        dict.fromkeys(part for action in actions for part in postgres_coverage.missing(there, action))
    )


def _ssh(texts: Texts) -> tuple[str, ...]:
    return tuple(map(str, ssh.parse_actions(texts)))


def _ssh_deny(texts: Texts) -> tuple[str, ...]:
    for text in texts:
        raise ActionError(f"`{text}`: ssh has no `deny`; what no action gives is refused", 1)
    return ()


def _ssh_missing(granted: Texts, asked: Texts) -> tuple[str, ...]:
    there = ssh.parse_actions(granted)
    actions = ssh.parse_actions(asked)
    return tuple(dict.fromkeys(part for action in actions for part in ssh_coverage.missing(there, action)))


LANGUAGES: dict[Protocol, Language] = {
    "postgres": Language(
        canonical=_postgres,
        canonical_deny=_postgres_deny,
        missing=_postgres_missing,
        example="read-only, or select on public.orders",
        wide="select on public.*",
    ),
    "ssh": Language(
        canonical=_ssh,
        canonical_deny=_ssh_deny,
        missing=_ssh_missing,
        example="operate, or exec systemctl status nginx",
        wide="exec systemctl status <name>",
    ),
}
"""By what the target speaks."""
