"""Paths as rights name them: absolute, in one spelling; a prefix is a path and all that lies under it."""

from hoopwire.model.action import ActionError

SYSTEM_TREES = ("/proc", "/sys", "/dev")
"""No files: only a prefix in them reaches into them. The list of rust/ssh/policy (path.rs)."""
_MOST_BYTES = 4096


def normal_path(text: str, column: int) -> str:
    """Its one spelling. ActionError."""
    if not text.startswith("/"):
        raise ActionError("a path is written whole, from / on", column, "/var/log")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ActionError("a path has no `..`", column + text.index(".."))
    bad = next((at for at, character in enumerate(text) if not character.isprintable()), None)
    if bad is not None:
        raise ActionError("a path has a character that cannot be shown", column + bad)
    if len(text.encode()) > _MOST_BYTES:
        raise ActionError(f"a path has at most {_MOST_BYTES} bytes", column)
    return "/" + "/".join(parts)


def lies_under(path: str, prefix: str) -> bool:
    """At or under it."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def covers_prefix(outer: str, inner: str) -> bool:
    """Is each path that `inner` gives given by `outer`?"""
    return lies_under(inner, outer) and all(
        lies_under(outer, tree) for tree in SYSTEM_TREES if lies_under(inner, tree)
    )
