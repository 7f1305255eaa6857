"""Recordings, read: frames as Structs, a session as text, the table of sessions, the verify report.

Reads what the engine's reader yields, handed in as an iterator of bytes or a function that opens one:
this room never imports the engine. Only blocks that hold are read; `verify` says what does not.
"""

from hoopwire.recordings.entries import (
    Entry,
    Reader,
    decode_entries,
    older_than,
    read_directory,
    segment_files,
)
from hoopwire.recordings.frames import Frame
from hoopwire.recordings.keys import KeyRing, ring, sign_change
from hoopwire.recordings.listing import RecordedSession, list_sessions
from hoopwire.recordings.report import Finding, StreamReport, VerifyReport, decode_report, render_report
from hoopwire.recordings.show import session_json, session_text
from hoopwire.recordings.verified import verified

__all__ = [
    "Entry",
    "Finding",
    "Frame",
    "KeyRing",
    "Reader",
    "RecordedSession",
    "StreamReport",
    "VerifyReport",
    "decode_entries",
    "decode_report",
    "list_sessions",
    "older_than",
    "read_directory",
    "render_report",
    "ring",
    "segment_files",
    "session_json",
    "session_text",
    "sign_change",
    "verified",
]
