"""Finds the database that a connection opens under an existing grant, or says why it opens none."""

from hoopwire.access.denials import listed, other_protocol
from hoopwire.access.match import database_name
from hoopwire.access.request import shown
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant, Protocol
from hoopwire.model.settings import Settings


def open_database(
    grant: Grant, target: str, database: str | None, settings: Settings, *, protocol: Protocol = "postgres"
) -> str | Denial:
    """The database (or login) that `dbname=TARGET[/DATABASE]` (`[LOGIN@]TARGET`) opens under the grant.

    A bare target is its first one. Another target, one outside the grant, or a client that does not speak the
    target's protocol is refused.
    """
    configured = settings.target(grant.target)
    if configured is not None and protocol != configured.protocol:
        return other_protocol(grant.target, configured.protocol)
    if target != grant.target or configured is None:
        way = f"dbname={grant.target}" if protocol == "postgres" else f"ssh {grant.target}@GATEWAY"
        return Denial(
            fault="not_authorized",
            code="grant_other_target",
            message=f"this credential does not open target {shown(target)}",
            detail=f"Grant {grant.id} is for target {shown(grant.target)}.",
            hint=f"Connect with {way}, or ask for a grant on the other target.",
            internal=f"grant {grant.id} for {grant.target} used on {shown(target)}",
        )
    asked = configured.parts[0] if database is None else database
    if asked in grant.databases and asked in configured.parts:
        return asked
    there = listed(database_name(grant.target, configured, name) for name in grant.databases)
    part = "database" if protocol == "postgres" else "login"
    return Denial(
        fault="not_authorized",
        code="database_not_granted" if protocol == "postgres" else "login_not_granted",
        message=f"{part} {shown(asked)} of target {shown(target)} is not in this grant",
        detail=f"Grant {grant.id} opens: {there}.",
        hint=f"Connect with one of: {there}; or ask for another grant.",
        internal=f"grant {grant.id} does not hold the {part}",
    )
