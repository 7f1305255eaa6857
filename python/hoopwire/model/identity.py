"""The principal (who connects) and the evidence (the token that proved it)."""

from typing import Literal

import msgspec

GroupsSource = Literal["claim", "scopes", "static"]
PrincipalKind = Literal["service", "ai_agent", "user"]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The authenticated who: agents by `(issuer, cid)`, people by `(issuer, uid)`, never by `name`."""

    issuer: str
    kind: PrincipalKind
    cid: str
    uid: str | None = None
    name: str = ""
    actors: tuple[str, ...] = ()
    """Delegation chain (`act`), outermost first, at most 8 deep."""

    @property
    def key(self) -> str:
        """Stable key within the issuer: `uid:00u...` for people, `cid:0oa...` for agents."""
        return f"uid:{self.uid}" if self.uid is not None else f"cid:{self.cid}"

    @property
    def keys(self) -> frozenset[str]:
        """Every key by which this principal can be shut out, folded to one case.

        A user's token names the client, too, and a delegated one the actors before it, of which nobody can
        say whether they are clients or users: each is a way in for the one who is meant.
        """
        kinds = ((("cid", self.cid),) if self.cid else ()) + ((("uid", self.uid),) if self.uid else ())
        acting = ((kind, actor) for actor in self.actors for kind in ("cid", "uid"))
        return frozenset(f"{kind}:{id}".casefold() for kind, id in (*kinds, *acting))


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the token said and when; kept in the grant, never the token itself. Times are Unix seconds."""

    jti: str
    kid: str
    iat: int
    exp: int
    scopes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    groups_source: GroupsSource = "claim"
    groups_as_of: int = 0
    groups_lack: str = ""
    """Why there are no groups: `its token has no claim "groups"`."""


class Vouched(msgspec.Struct, frozen=True, kw_only=True):
    """Whose token was refused after its signature held. What is not of the allowed form is left empty."""

    iss: str
    kid: str
    cid: str = ""
    uid: str = ""
    jti: str = ""
    act: tuple[str, ...] = ()


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What `identity` hands on after a token passed every check. The token goes no further."""

    principal: Principal
    evidence: Evidence
