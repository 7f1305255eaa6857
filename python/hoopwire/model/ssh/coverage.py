"""Says whether the actions of ssh that are asked for lie within those that are granted. Nothing is trimmed.

It errs on one side only: what is covered is allowed, action by action.

Logins come through here, on the one thread that also revokes and locks. So what a policy's texts come to is
kept, and its actions are found by what they name: the time goes by the actions, not by their square.
"""

from collections.abc import Iterable
from functools import lru_cache

from hoopwire.model.ssh.actions import Action, Exec, Forward, Named, Plain, Sftp, Word, expand
from hoopwire.model.ssh.command_tree import CommandTree
from hoopwire.model.ssh.grammar import parse_action, parse_actions
from hoopwire.model.ssh.paths import covers_prefix, prefixes_of
from hoopwire.model.ssh.places import Places

_KEPT = 256
"""So many policies' and grants' texts are kept as what they come to."""
_LOCALE = Named(verb="env", name="LC_*")


class Held:
    """Granted actions, to be asked about."""

    def __init__(self, actions: tuple[Action, ...]) -> None:
        self.actions = actions
        self.plain = expand(actions)
        self._actions = frozenset(actions)
        self._plain = frozenset(self.plain)
        self._commands = CommandTree()
        self._places = {"forward": Places(), "remote-forward": Places()}
        for one in self.plain:
            match one:
                case Exec(pattern=pattern):
                    self._commands.add(pattern)
                case Forward(verb=verb, where=where):
                    self._places[verb].add(where)

    def covers(self, asked: Action) -> bool:
        """Is `asked` wholly within these?"""
        return not self.missing(asked)

    def missing(self, asked: Action) -> tuple[str, ...]:
        """The parts of `asked` that are not within these, as one would ask for them; empty if covered."""
        if asked in self._actions:
            return ()
        return tuple(str(part) for part in expand((asked,)) if not self._covers(part))

    def _covers(self, asked: Plain) -> bool:
        if asked in self._plain:
            return True
        match asked:
            case Exec() | Sftp() if Word(name="shell") in self._plain:
                # Who has a shell has every command and every file of the login.
                return True
            case Exec(pattern=pattern):
                return self._commands.contains(pattern)
            case Sftp(access=access, prefix=prefix):
                return any(
                    Sftp(access=access, prefix=outer) in self._plain and covers_prefix(outer, prefix)
                    for outer in prefixes_of(prefix)
                )
            case Forward(verb=verb, where=where):
                return self._places[verb].cover(where)
            case Named(verb="env", name=name):
                return _LOCALE in self._plain and name.startswith("LC_") and name != "LC_"
        return False


@lru_cache(maxsize=_KEPT)
def held(texts: tuple[str, ...]) -> Held:
    """What checked texts of actions come to. ActionError."""
    return Held(parse_actions(texts))


@lru_cache(maxsize=_KEPT)
def covered(granted: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the texts `asked` that lie within `granted`, each whole."""
    there = held(granted)
    return tuple(text for text in asked if there.covers(parse_action(text)))


@lru_cache(maxsize=_KEPT)
def action_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Actions in their canonical form, each once. ActionError."""
    return tuple(map(str, held(texts).actions))


def lacking(granted: tuple[str, ...], asked: Iterable[Action]) -> list[str]:
    """What of the actions asked for is not within those granted, part by part, each once."""
    there = held(granted)
    return list(dict.fromkeys(part for action in asked for part in there.missing(action)))
