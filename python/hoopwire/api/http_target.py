"""Parses a request target (RFC 9112 section 3.2) into path and query; refuses what could mean two paths."""

import re
from urllib.parse import unquote_to_bytes

_ABSOLUTE = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)
_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ODD = re.compile(r"[\x00-\x1f\x7f\\/]")


class TargetMalformed(Exception):
    """No path that we would take. The text is for the client, and repeats nothing of it."""


def path_and_query(target: bytes) -> tuple[str, bytes]:
    """The path with its escapes decoded, and the query as it stands. TargetMalformed.

    The authority of an absolute form is dropped: whoever reaches this listener means it. An escape that would
    become a separator or a control character is refused: a filter in front of us saw another path.
    """
    absolute = _ABSOLUTE.match(target)
    rest = target[absolute.end() :] if absolute is not None else target
    path, _, query = rest.partition(b"?")
    if absolute is not None and not path:
        path = b"/"
    if not path.startswith(b"/"):
        raise TargetMalformed("the target is neither a path nor an http URL")
    if b"#" in rest:
        raise TargetMalformed("a target has no fragment")
    return "/".join(_segment(each) for each in path.split(b"/")), query


def _segment(segment: bytes) -> str:
    if _ESCAPE.search(segment):
        raise TargetMalformed("a percent sign without two hexadecimal digits")
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise TargetMalformed("the path is not UTF-8") from None
    if _ODD.search(text):
        raise TargetMalformed("an escape in the path stands for a separator or a control character")
    return text
