"""Says whether the actions of ssh that are asked for lie within those that are granted. Nothing is trimmed.

It errs on one side only: what is covered is allowed, action by action.
"""

from hoopwire.model.ssh.actions import Action, Exec, Forward, Named, Plain, Sftp, Word, expand
from hoopwire.model.ssh.destinations import covers_destination
from hoopwire.model.ssh.paths import covers_prefix
from hoopwire.model.ssh.patterns import contains


def covers(granted: tuple[Action, ...], asked: Action) -> bool:
    """Is `asked` wholly within `granted`?"""
    return not missing(granted, asked)


def missing(granted: tuple[Action, ...], asked: Action) -> tuple[str, ...]:
    """The parts of `asked` that are not within `granted`, as one would ask for them; empty if covered."""
    there = expand(granted)
    return tuple(str(part) for part in expand((asked,)) if not any(_covers(one, part) for one in there))


def _covers(one: Plain, asked: Plain) -> bool:
    match one, asked:
        case Word(name="shell"), Exec() | Sftp():
            # Who has a shell has every command and every file of the login.
            return True
        case Exec(), Exec():
            return contains(one.pattern, asked.pattern)
        case Sftp(), Sftp():
            return one.access == asked.access and covers_prefix(one.prefix, asked.prefix)
        case Forward(), Forward():
            return one.verb == asked.verb and covers_destination(one.where, asked.where)
        case Named(verb="env", name="LC_*"), Named(verb="env", name=name):
            return name.startswith("LC_") and name != "LC_"
    return one == asked
