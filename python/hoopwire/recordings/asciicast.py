"""A recorded terminal as an asciicast file, version 2, which players of any age read.

Source: docs.asciinema.org/manual/asciicast/v2.
"""

import codecs
from collections.abc import Iterator

import msgspec

from hoopwire.recordings.terminal import Resize, Terminal

_MICROSECONDS = 6


def asciicast(terminal: Terminal, title: str) -> Iterator[bytes]:
    """The lines of the file, without their ends.

    Bytes that are no UTF-8 become U+FFFD: `--format raw` has them as they were.
    """
    encode = msgspec.json.Encoder().encode
    yield encode(
        {
            "version": 2,
            "width": terminal.columns,
            "height": terminal.rows,
            "timestamp": int(terminal.started_at),
            "title": title,
            "env": {"TERM": terminal.term},
        }
    )
    # a character that is cut by a packet goes to the event that completes it
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    at = 0.0
    for moment in terminal.moments:
        at = round(moment.at, _MICROSECONDS)
        if isinstance(moment.event, Resize):
            yield encode([at, "r", f"{moment.event.columns}x{moment.event.rows}"])
        elif text := decoder.decode(moment.event):
            yield encode([at, "o", text])
    if rest := decoder.decode(b"", final=True):
        yield encode([at, "o", rest])
