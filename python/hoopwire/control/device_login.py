"""People who log in to ssh with a browser: what they are asked, and the token that the issuer gives for it.

One device code for each connection at most, and none beyond the limits here: a stranger costs the issuer a
request when it connects, and polls only after it has pressed Enter and for as long as it stays.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import trio

from hoopwire.access import printable
from hoopwire.control import texts
from hoopwire.control.parts import Denied, Parts
from hoopwire.custody import SourceFailed, read_secret
from hoopwire.identity import DeviceCode, DeviceFailed, DeviceRefused, Wait
from hoopwire.model.addresses import party
from hoopwire.model.commands import Prompt
from hoopwire.model.denial import Denial
from hoopwire.model.identity import Identity
from hoopwire.model.settings import DeviceSettings, IssuerSettings

_log = logging.getLogger("hoopwire.device")

PENDING: Final = 50
"""Logins under way in all."""
PENDING_OF_ADDRESS: Final = 8
"""Of one source address; of IPv6, a /64."""
EVERY_S: Final = 0.2
"""A new code for somebody, on average."""
EVERY_S_OF_ADDRESS: Final = 2.0
"""The same for one source address."""
AT_ONCE: Final = 20
"""So many come at once, in all, before that counts."""
AT_ONCE_OF_ADDRESS: Final = 5
"""The same for one source address."""
INTERVAL_MAX_S: Final = 60.0
LATER_S: Final = 5.0
"""The engine gives up later than we do, so that the person hears a reason."""
_ADDRESSES: Final = 4096


@dataclass
class _Bucket:
    """Fills by one each `every_s`, up to `most`."""

    every_s: float
    most: int
    level: float
    at: float

    def refill(self, now: float) -> float:
        self.level = min(self.most, self.level + (now - self.at) / self.every_s)
        self.at = now
        return self.level


@dataclass(frozen=True)
class Asked:
    """What somebody was asked. Without a code it is for a grant secret alone."""

    prompt: Prompt
    until: float
    """`trio.current_time()` at which it is too late to answer, and the code is over for us."""
    code: DeviceCode | None = None
    asked_at: tuple[str, str] = ("", "")
    """The issuer that gave the code, and the client that it is for: no other hears of it."""
    otherwise: Denial | None = None
    """What is said to an answer that is no secret, without a code."""


class DeviceLogins:
    """Counts what is under way, asks the issuer, and polls it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pending: dict[bytes, int] = {}
        self._all = _Bucket(EVERY_S, AT_ONCE, AT_ONCE, 0.0)
        self._addresses: dict[bytes, _Bucket] = {}

    def __len__(self) -> int:
        return sum(self._pending.values())

    @contextmanager
    def place(self, peer: str) -> Iterator[bool]:
        """A place among those that log in, from `ADDRESS:PORT`; False if there is none."""
        owner = _party(peer)
        fits = len(self) < PENDING and self._pending.get(owner, 0) < PENDING_OF_ADDRESS
        if not fits or not self._may_ask(owner):
            yield False
            return
        self._pending[owner] = self._pending.get(owner, 0) + 1
        try:
            yield True
        finally:
            self._pending[owner] -= 1
            if not self._pending[owner]:
                del self._pending[owner]

    def _may_ask(self, owner: bytes) -> bool:
        now = trio.current_time()
        if owner not in self._addresses and len(self._addresses) >= _ADDRESSES:
            full = [name for name, bucket in self._addresses.items() if bucket.refill(now) >= bucket.most]
            for name in full or list(self._addresses)[: _ADDRESSES // 2]:
                del self._addresses[name]
        own = self._addresses.setdefault(
            owner, _Bucket(EVERY_S_OF_ADDRESS, AT_ONCE_OF_ADDRESS, AT_ONCE_OF_ADDRESS, now)
        )
        if min(own.refill(now), self._all.refill(now)) < 1:
            return False
        own.level -= 1
        self._all.level -= 1
        return True

    async def ask(self, target: str, has_place: bool) -> Asked:
        """What to ask somebody who comes to this target, by its own words; with a place, by the issuer."""
        device = self._settings()
        wait_s = float(self._parts.current.settings.limits.startup)
        if device is None:
            return _for_secret("", texts.password_unknown(), wait_s)
        if not has_place:
            return _instead(texts.device_busy(), wait_s)
        try:
            code = await self._parts.current.verifier.device.begin(await _secret(device))
        except (DeviceFailed, SourceFailed) as failed:
            _log.error("no login by browser: %s", failed)
            return _instead(texts.device_unavailable(str(failed)), wait_s)
        life_s = min(code.expires_s, float(device.wait))
        prompt = Prompt(
            instruction=texts.device_instruction(printable(target), code.page, code.user_code),
            question=texts.DEVICE_PROMPT,
            wait_s=life_s + LATER_S,
        )
        return Asked(prompt, trio.current_time() + life_s, code, self._asked_at(device))

    async def token(self, asked: Asked) -> str:
        """The token, once the person has confirmed. Raises Denied: refused, over, or the issuer fails."""
        code = asked.code
        if code is None:
            raise Denied(asked.otherwise or texts.password_unknown())
        interval_s = code.interval_s
        with trio.move_on_at(asked.until):
            while True:
                try:
                    answer = await self._poll(code, asked.asked_at)
                except DeviceRefused as refused:
                    over = refused.code == "expired_token"
                    raise Denied(texts.device_over() if over else texts.device_denied()) from None
                except (DeviceFailed, SourceFailed) as failed:
                    if failed.is_lasting:
                        _log.error("no login by browser: %s", failed)
                        raise Denied(texts.device_unavailable(str(failed))) from None
                    # RFC 8628, 3.5: slower and slower, as long as the code is good
                    interval_s = min(interval_s * 2, INTERVAL_MAX_S)
                else:
                    if isinstance(answer, str):
                        return answer
                    interval_s = min(interval_s + answer.more_s, INTERVAL_MAX_S)
                await trio.sleep(interval_s)
        raise Denied(texts.device_over())

    async def _poll(self, code: DeviceCode, asked_at: tuple[str, str]) -> str | Wait:
        device = self._settings()
        if device is None or self._asked_at(device) != asked_at:
            raise DeviceFailed("the settings of `device` have changed meanwhile")
        return await self._parts.current.verifier.device.poll(code, await _secret(device))

    def check(self, identity: Identity) -> Denial | None:
        """What the issuer gave us for a login must be a person's, and ours."""
        issuer, who = self._issuer(), identity.principal
        if issuer is None or issuer.device is None or who.issuer not in issuer.issuers:
            return texts.device_other_token(f"a token of {who.issuer}")
        if who.cid != issuer.device.client_id:
            return texts.device_other_token(f"a token of client {who.cid}")
        if who.kind != "user" or who.actors:
            return texts.device_not_person(f"the token is of {who.key}, kind {who.kind}")
        return None

    def _issuer(self) -> IssuerSettings | None:
        issuers = self._parts.current.settings.issuers.values()
        return next((each for each in issuers if each.device is not None), None)

    def _settings(self) -> DeviceSettings | None:
        issuer = self._issuer()
        return None if issuer is None else issuer.device

    def _asked_at(self, device: DeviceSettings) -> tuple[str, str]:
        issuer = self._issuer()
        return "" if issuer is None else issuer.issuers[0], device.client_id


def _instead(denial: Denial, wait_s: float) -> Asked:
    """No code now: why, and the question for a secret."""
    return _for_secret(f"{denial.message[:1].upper()}{denial.message[1:]}.", denial, wait_s)


def _for_secret(instruction: str, otherwise: Denial, wait_s: float) -> Asked:
    prompt = Prompt(instruction=instruction, question=texts.SECRET_PROMPT, wait_s=wait_s + LATER_S)
    return Asked(prompt, trio.current_time() + wait_s, otherwise=otherwise)


async def _secret(device: DeviceSettings) -> str:
    return "" if device.client_secret is None else await read_secret(device.client_secret)


def _party(peer: str) -> bytes:
    """Whose address it is, as everywhere: of `ADDRESS:PORT`."""
    return party(peer.rpartition(":")[0].strip("[]"))
