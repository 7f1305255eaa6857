"""Finds the database that a connection opens under an existing grant, or says why it opens none."""

from hoopwire.access.denials import listed
from hoopwire.access.match import database_name
from hoopwire.access.request import shown
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant
from hoopwire.model.settings import Settings


def open_database(grant: Grant, target: str, database: str | None, settings: Settings) -> str | Denial:
    """The database that `dbname=TARGET[/DATABASE]` opens under the grant.

    A bare target is its first database. Another target, or a database outside the grant, is refused.
    """
    configured = settings.targets.get(grant.target)
    if target != grant.target or configured is None:
        return Denial(
            fault="not_authorized",
            code="grant_other_target",
            message=f"this credential does not open target {shown(target)}",
            detail=f"Grant {grant.id} is for target {shown(grant.target)}.",
            hint=f"Connect with dbname={grant.target}, or ask for a grant on the other target.",
            internal=f"grant {grant.id} for {grant.target} used on {shown(target)}",
        )
    asked = configured.parts[0] if database is None else database
    if asked in grant.databases and asked in configured.parts:
        return asked
    there = listed(database_name(grant.target, configured, name) for name in grant.databases)
    return Denial(
        fault="not_authorized",
        code="database_not_granted",
        message=f"database {shown(asked)} of target {shown(target)} is not in this grant",
        detail=f"Grant {grant.id} opens: {there}.",
        hint=f"Connect with one of: {there}; or ask for another grant.",
        internal=f"grant {grant.id} does not hold the database",
    )
