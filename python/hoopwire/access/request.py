"""`AccessRequest`: what a client asks for. It is parsed from a startup packet's names, and checked, here."""

import math
import re
import unicodedata
from collections.abc import Container

import msgspec

from hoopwire.model.action import ActionError
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Protocol, SshBinding
from hoopwire.model.language import LANGUAGES

MIN_TTL_S = 30.0
"""No grant is shorter: a session that lives less is noise, and clocks differ by seconds."""

_CREDENTIAL = re.compile(r"\A(?:eyJ|hw1_)|eyJ[A-Za-z0-9_-]{8,}|hw1_[A-Za-z0-9_-]{8,}")
"""A JWT or a grant secret: its very start, or enough of one further on."""

_TASK_CHARACTERS = 128
_TARGET_CHARACTERS = 63
"""No target's name is longer (config/targets.py): a long name is not gone through dot by dot."""
_PURPOSE_CHARACTERS = 1000
_SHOWN_CHARACTERS = 80
_MOST_ACTIONS = 200
_MOST_NAMES = 1000


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A wish. `None` means "what the policy gives"; anything named must be covered whole or is refused."""

    target: str
    database: str | None = None
    """A database of the target, or a login; none means the target's first."""
    actions: tuple[str, ...] | None = None
    """Texts of the target's language (`model/language.py`): `read-only`, `exec uptime`."""
    ttl: float | None = None
    """Seconds."""
    task: str = ""
    purpose: str = ""
    protocol: Protocol | None = None
    """What the client speaks; none if it asks beforehand."""
    ssh: SshBinding | None = None
    """The key that the grant is to be opened by."""


def parse_database(name: str, targets: Container[str]) -> tuple[str, str | None]:
    """Split the startup packet's `database`: `orders` is a target, `orders/analytics` a database of it.

    `orders.analytics` is the same, for drivers whose URLs have a place for one name only. Names may have dots
    themselves, so that it goes by the `targets` that there are: what is a target whole is that target; else
    the longest target before a dot counts, and all behind that dot is the database. A slash leaves no doubt.

    Never fails: a malformed name is one that no policy grants, and is answered as such.
    """
    target, slash, database = name.partition("/")
    if slash:
        return target, database
    if name not in targets:
        end = name.rfind(".", 0, _TARGET_CHARACTERS + 1)
        while end > 0:
            if name[:end] in targets:
                return name[:end], name[end + 1 :]
            end = name.rfind(".", 0, end)
    return name, None


def parse_user(user: str) -> str:
    """The task in the startup packet's `user`: `task-123` of `name+task-123`, or nothing.

    The rest of the user name is free: who connects is what the token says.
    """
    return user.partition("+")[2]


def looks_like_credential(text: str) -> bool:
    """Whether a token or a grant secret is in a field that is logged, recorded and told back."""
    return _CREDENTIAL.search(text) is not None


def check_request(request: AccessRequest, protocol: Protocol) -> Denial | None:
    """What is wrong with the request itself, whoever asks: lengths, control characters, impossible times.

    `protocol` is the target's.
    """
    for label, text, most in (
        ("task", request.task, _TASK_CHARACTERS),
        ("purpose", request.purpose, _PURPOSE_CHARACTERS),
    ):
        if len(text) > most:
            return _invalid(
                f"the {label} is longer than {most} characters", f"Give a {label} that is shorter."
            )
        if any(_is_control(character) for character in text):
            return _invalid(f"the {label} has control characters", "Use printable text on one line.")
    for label, text in (
        ("target", request.target),
        ("database", request.database or ""),
        ("task", request.task),
        ("purpose", request.purpose),
    ):
        if looks_like_credential(text):
            return _invalid(
                f"the {label} looks like a credential", "Send the credential as the password only."
            )
    if request.actions is not None:
        malformed = _check_actions(request.actions, protocol)
        if malformed is not None:
            return malformed
    if request.ttl is not None:
        if not math.isfinite(request.ttl):
            return _invalid("the ttl is not a number of seconds", "Ask for seconds, for example 900.")
        if request.ttl < MIN_TTL_S:
            return _invalid(
                f"a ttl of {request.ttl:g} s is below the least of {MIN_TTL_S:g} s", "Ask for more."
            )
    return None


def _check_actions(actions: tuple[str, ...], protocol: Protocol) -> Denial | None:
    language = LANGUAGES[protocol]
    if not actions:
        return _invalid("no action is asked for", "Name at least one action, or leave `actions` out.")
    if len(actions) > _MOST_ACTIONS:
        return _invalid(f"more than {_MOST_ACTIONS} actions", f"Ask for patterns: {language.wide}.")
    for text in actions:
        if looks_like_credential(text):
            return _invalid("an action looks like a credential", "Send the credential as the password only.")
        try:
            language.check(text)
        except ActionError as error:
            return _invalid(
                f"action {shown(text)}: {printable(str(error))}, at character {error.column}",
                f"Perhaps you mean: {printable(error.nearest)}."
                if error.nearest
                else f"Ask for example for {language.example}.",
            )
    try:
        asked = language.asked(actions)
    except ActionError as error:
        return _invalid(str(error), "Ask for one or the other.")
    if asked.count > _MOST_NAMES:
        what = f"more than {_MOST_NAMES} {language.counted} in its actions"
        return _invalid(what, f"Ask for patterns: {language.wide}.")
    return None


def shown(name: str) -> str:
    """A name from outside, quoted, printable and shortened: safe in an error text or a log line."""
    return f'"{printable(name)}"'


def printable(name: str) -> str:
    """A text from outside without control characters, at most 80 characters."""
    text = "".join("\N{REPLACEMENT CHARACTER}" if _is_control(character) else character for character in name)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[: _SHOWN_CHARACTERS - 1] + "…"
    return text


def _is_control(character: str) -> bool:
    # Cc control, Cf format (direction overrides), Cs lone surrogates, Zl/Zp line separators.
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _invalid(what: str, hint: str) -> Denial:
    return Denial(
        fault="invalid",
        code="request_invalid",
        message=f"the request is malformed: {what}",
        hint=hint,
        internal=what,
    )
