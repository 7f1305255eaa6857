"""Turns errors into HTTP answers: `application/problem+json` (RFC 9457) with our `code` and `hint`."""

import http
from collections.abc import Mapping
from typing import get_args

import msgspec
from starlette.responses import Response

from hoopwire.control.operations import Refused
from hoopwire.model.denial import Denial
from hoopwire.model.fault import Fault

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:hoopwire:problem:"

_STATUS = {
    "request_invalid": 422,
    "token_spent": 409,
    "internal_error": 500,
}
_STATUS_BY_FAULT: dict[Fault, int | None] = {
    **dict.fromkeys(get_args(Fault)),
    "unavailable": 503,
    "too_many": 429,
    "internal": 500,
}
"""Of every fault; None is what a refusal has: 401 before somebody is known, then 403."""
_TOO_LARGE = "Request Entity Too Large"
"""Python 3.13 calls 413 something else, and our code is made of these words."""
_STATUS_OF_VERB = {
    "grant_unknown": 404,
    "session_unknown": 404,
    "lock_unknown": 404,
    "reload_refused": 422,
    "store_unavailable": 503,
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One error. `type` is a URN that ends in `code`; `hint` says what to do next."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    hint: str = ""


def problem(
    status: int,
    code: str,
    title: str,
    *,
    detail: str = "",
    hint: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response for one error."""
    body = Problem(type=_TYPE + code, title=title, status=status, code=code, detail=detail, hint=hint)
    return Response(
        msgspec.json.encode(body),
        status,
        media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store", **(headers or {})},
    )


def unauthorized(code: str, title: str, *, detail: str = "", hint: str = "") -> Response:
    """401 with the challenge that RFC 6750 section 3 asks for."""
    challenge = 'Bearer realm="hoopwire"'
    if code != "token_missing":
        challenge += ', error="invalid_token"'
    return problem(401, code, title, detail=detail, hint=hint, headers={"www-authenticate": challenge})


def of_denial(denial: Denial, *, authenticated: bool) -> Response:
    """A Denial as HTTP: 401 until somebody is authenticated, then 403 unless the table says otherwise."""
    status = _STATUS.get(denial.code) or _STATUS_BY_FAULT[denial.fault]
    if status is None and not authenticated:
        return unauthorized(denial.code, denial.message, detail=denial.detail, hint=denial.hint)
    return problem(status or 403, denial.code, denial.message, detail=denial.detail, hint=denial.hint)


def of_refused(refused: Refused) -> Response:
    """An operator's verb that was not done as HTTP: 400 unless the table says otherwise."""
    status = _STATUS_OF_VERB.get(refused.code, 400)
    return problem(status, refused.code, refused.title, detail=refused.detail, hint=refused.hint)


def plain(status: int, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """An error of HTTP itself: 404, 405, 408, 413, 431, 501."""
    phrase = _TOO_LARGE if status == 413 else http.HTTPStatus(status).phrase
    return problem(status, phrase.lower().replace(" ", "_"), phrase, hint=hint, headers=headers)
