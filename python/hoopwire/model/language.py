"""The actions of each protocol as texts: what reads them, and what says whether some lie within others."""

from collections.abc import Callable
from dataclasses import dataclass

from hoopwire.model.action import ActionError
from hoopwire.model.grant import Protocol
from hoopwire.model.postgres import coverage as postgres_coverage
from hoopwire.model.postgres import grammar as postgres
from hoopwire.model.postgres.actions import names_in
from hoopwire.model.ssh import coverage as ssh_coverage
from hoopwire.model.ssh import grammar as ssh
from hoopwire.model.ssh.actions import rights_in

Texts = tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """A request's actions, read once for all policies that it is held against."""

    texts: Texts
    """In their canonical form, each once."""
    count: int
    """What they cost whoever decides by them, in what the language counts."""
    lacking: Callable[[Texts], list[str]]
    """Of granted actions: what is asked and not granted, part by part, as one would ask for it."""


@dataclass(frozen=True)
class Language:
    """One protocol's. ActionError from each function where a text is no action of it.

    What policies' and grants' texts come to is kept, so that a login does not read them again. A request is
    read each time: whoever asks for this and that must not push out what is kept.
    """

    check: Callable[[str], object]
    """Reads one action, for its ActionError."""
    asked: Callable[[Texts], Asked]
    """Reads a request's."""
    canonical: Callable[[Texts], Texts]
    """Actions of a policy or grant in their canonical form, each once."""
    canonical_deny: Callable[[Texts], Texts]
    """Entries of `deny` in theirs."""
    covered: Callable[[Texts, Texts], Texts]
    """Of granted and other actions: those of the others that lie within the granted, each whole."""
    counted: str
    """What `Asked.count` counts."""
    example: str
    """For whoever wrote something else."""
    wide: str
    """One text that stands for many."""


def _postgres_asked(texts: Texts) -> Asked:
    actions = postgres.parse_actions(texts)
    return Asked(
        texts=tuple(map(str, actions)),
        count=names_in(actions, (), ()),
        lacking=lambda granted: postgres_coverage.lacking(granted, actions),
    )


def _ssh_asked(texts: Texts) -> Asked:
    actions = ssh.parse_actions(texts)
    return Asked(
        texts=tuple(map(str, actions)),
        count=rights_in(actions),
        lacking=lambda granted: ssh_coverage.lacking(granted, actions),
    )


def _ssh_deny(texts: Texts) -> Texts:
    for text in texts:
        raise ActionError(f"`{text}`: ssh has no `deny`; what no action gives is refused", 1)
    return ()


LANGUAGES: dict[Protocol, Language] = {
    "postgres": Language(
        check=postgres.parse_action,
        asked=_postgres_asked,
        canonical=postgres_coverage.action_texts,
        canonical_deny=postgres_coverage.deny_texts,
        covered=postgres_coverage.covered,
        counted="names",
        example="read-only, or select on public.orders",
        wide="select on public.*",
    ),
    "ssh": Language(
        check=ssh.parse_action,
        asked=_ssh_asked,
        canonical=ssh_coverage.action_texts,
        canonical_deny=_ssh_deny,
        covered=ssh_coverage.covered,
        counted="rights",
        example="operate, or exec systemctl status nginx",
        wide="exec systemctl status <name>",
    ),
}
"""By what the target speaks."""
