"""The dev issuer's device authorization (RFC 8628): codes, the page where people confirm them, and polls.

Whoever opens the page chooses which of the issuer's people to be: this is a dev issuer.
"""

import html
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628, 6.1: no vowels, so no words."""


class DevPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can log in with a browser. Without `uid` the token is a service's, as no real one is."""

    name: str
    uid: str | None
    groups: tuple[str, ...] = ()


class Pending:
    """A code that was given out, and what became of it."""

    def __init__(self, cid: str, scopes: tuple[str, ...], until: float) -> None:
        self.cid = cid
        self.scopes = scopes
        self.until = until
        self.polled_at = float("-inf")
        self.is_denied = False
        self.person: DevPerson | None = None


class DeviceCodes:
    """All codes of one issuer. `token` makes a person's access token for a client and scopes."""

    def __init__(
        self, now: Callable[[], float], token: Callable[[str, DevPerson, tuple[str, ...]], str]
    ) -> None:
        self._now = now
        self._token = token
        self._by_device: dict[str, Pending] = {}
        self._by_user: dict[str, Pending] = {}
        self.people: dict[str, DevPerson] = {}
        self.expires_s = 300
        self.interval_s = 1
        self.begun = 0
        self.polls = 0
        self.answers: list[tuple[int, dict[str, Any]]] = []
        """What the next polls are answered with, whatever is so."""

    def begin(self, cid: str, scopes: tuple[str, ...], page: str) -> dict[str, Any]:
        """Section 3.2: what the client is told."""
        self.begun += 1
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        device_code, user_code = secrets.token_urlsafe(32), f"{letters[:4]}-{letters[4:]}"
        pending = Pending(cid, scopes, self._now() + self.expires_s)
        self._by_device[device_code] = self._by_user[user_code] = pending
        return {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": self.expires_s,
            "interval": self.interval_s,
        }

    def confirm(self, user_code: str, name: str) -> bool:
        """This person says that the login is theirs. False if there is no such code, or it is over."""
        pending, person = self._by_user.get(user_code), self.people.get(name)
        if pending is None or person is None or pending.until <= self._now():
            return False
        pending.person = person
        return True

    def deny(self, user_code: str) -> bool:
        """Somebody says no."""
        pending = self._by_user.get(user_code)
        if pending is not None:
            pending.is_denied = True
        return pending is not None

    def poll(self, device_code: str, cid: str) -> tuple[int, dict[str, Any]]:
        """Section 3.5: status and answer. A code is good for one token."""
        self.polls += 1
        if self.answers:
            return self.answers.pop(0)
        pending = self._by_device.get(device_code)
        if pending is None or pending.cid != cid:
            return 400, {"error": "invalid_grant"}
        now = self._now()
        is_early, pending.polled_at = now - pending.polled_at < self.interval_s * 0.9, now
        if pending.until <= now:
            return 400, {"error": "expired_token"}
        if pending.is_denied:
            return 400, {"error": "access_denied"}
        if is_early:
            return 400, {"error": "slow_down"}
        if pending.person is None:
            return 400, {"error": "authorization_pending"}
        del self._by_device[device_code]
        token = self._token(cid, pending.person, pending.scopes)
        return 200, {"token_type": "Bearer", "access_token": token, "scope": " ".join(pending.scopes)}

    def page(self, user_code: str) -> str:
        """The page where a code is confirmed."""
        code = html.escape(user_code)
        people = "".join(
            f"<button name=person value='{html.escape(name)}'>{html.escape(name)}</button> "
            for name in self.people
        )
        return (
            "<!doctype html><title>dev issuer</title><h1>Confirm a login</h1>"
            f"<form method=post><p>Code <input name=user_code value='{code}'>"
            f"<p>It is shown to me, and I am {people}"
            "<p>It is not mine: <button name=person value=''>refuse</button></form>"
        )


def person(name: str, groups: Sequence[str] = (), *, uid: str | None = None) -> DevPerson:
    """Somebody with an id of Okta's form, unless another is given; an empty one is none."""
    made = "00u" + secrets.token_hex(9)[:17] if uid is None else uid
    return DevPerson(name=name, uid=made or None, groups=tuple(groups))
