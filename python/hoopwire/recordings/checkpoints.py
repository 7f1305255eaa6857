"""Tells lines of a checkpoints file that were never written whole from lines that somebody changed.

A full volume or a crash leaves the beginning of a line, and the next line may stand right behind it. Such a
beginning proves nothing and takes nothing away: who could write the file could as well leave the line out.
"""

import re

_WORD = "hoopwire-checkpoint-v1"
_FORM = (
    re.escape(_WORD),
    r" node=[A-Za-z0-9._-]+",
    r" stream=\d+",
    r" segment=\d+",
    r" frame=\d+",
    r" offset=\d+",
    r" chain=[0-9a-f]+",
    r" time=\d+",
    r" signature=",
)
_SIGNATURE = 88
_WHOLE = re.compile("".join(_FORM) + rf"[A-Za-z0-9+/=]{{{_SIGNATURE}}}")


def whole_lines(text: str) -> tuple[str, list[int]]:
    """The text without what is torn, its lines where they were, and the numbers of the torn ones."""
    kept: list[str] = []
    behind: list[str] = []
    torn: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        pieces = _pieces(line.replace("\0", "").rstrip())
        whole = [piece for piece in pieces if not _is_torn(piece)]
        if len(whole) < len(pieces) or "\0" in line:
            torn.append(number)
        kept.append(whole[0] if whole else "")
        # Their number is not theirs, so that those of the others are.
        behind.extend(whole[1:])
    return "\n".join([*kept, *behind]), torn


def _pieces(line: str) -> list[str]:
    """What was glued together: each begins with the word."""
    starts = [found.start() for found in re.finditer(re.escape(_WORD), line)]
    if not starts or starts[0] > 0:
        starts.insert(0, 0)
    return [
        piece for at, end in zip(starts, [*starts[1:], len(line)], strict=True) if (piece := line[at:end])
    ]


def _is_torn(piece: str) -> bool:
    """The beginning of a line, and no more."""
    if _WHOLE.match(piece) or not _WORD.startswith(piece[: len(_WORD)]):
        return False
    rest = piece
    for form in _FORM:
        found = re.match(form, rest)
        if found is None:
            return _may_begin(form, rest)
        rest = rest[found.end() :]
    return len(rest) < _SIGNATURE and re.fullmatch(r"[A-Za-z0-9+/=]*", rest) is not None


def _may_begin(form: str, rest: str) -> bool:
    """`rest` is the beginning of the form's name: of a value, any beginning is one."""
    name = re.sub(r"\\(.)", r"\1", form.partition("=")[0]) + ("=" if "=" in form else "")
    return name.startswith(rest)
