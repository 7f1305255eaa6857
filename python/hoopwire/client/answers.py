"""Decodes an answer of the gateway into a Struct, or raises the exception that says why there is none."""

from typing import TypeVar

import msgspec

from hoopwire.client.exchange import Response

Answer = TypeVar("Answer")


class Refused(Exception):
    """The gateway said no. `code` is stable (docs/codes.md); `title`, `detail` and `hint` are for people."""

    def __init__(self, code: str, title: str, detail: str, hint: str, status: int) -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.detail = detail
        self.hint = hint
        self.status = status


class Unreachable(Exception):
    """No gateway answered; the text says where and why."""

    def __init__(self, text: str, *, is_untrusted: bool = False) -> None:
        super().__init__(text)
        self.is_untrusted = is_untrusted
        """Somebody answered, with a certificate that no known authority vouches for."""


class Unreadable(Exception):
    """The answer is not what this client understands."""


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`application/problem+json`, as far as it is shown."""

    title: str = ""
    code: str = "unknown"
    detail: str = ""
    hint: str = ""


def decoded(response: Response, kind: type[Answer]) -> Answer:
    """The answer as this Struct. Refused if it is a problem; Unreadable if it is neither."""
    try:
        if 200 <= response.status < 300:
            return msgspec.json.decode(response.content, type=kind)
        problem = msgspec.json.decode(response.content, type=_Problem)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Unreadable(f"the gateway gave no readable answer (HTTP {response.status})") from None
    title = problem.title or f"HTTP {response.status}"
    raise Refused(problem.code, title, problem.detail, problem.hint, response.status)
