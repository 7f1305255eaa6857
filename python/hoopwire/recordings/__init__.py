"""Recordings, read: frames as Structs, a session as text, the table of sessions, the verify report.

Reads what the engine's reader yields, handed in as an iterator of bytes or a function that opens one:
this room never imports the engine. Only blocks that hold are read; `verify` says what does not.
"""

from hoopwire.recordings.entries import Entry, Reader, decode_entries, read_directory, segment_files
from hoopwire.recordings.frames import Frame
from hoopwire.recordings.listing import RecordedSession, list_sessions
from hoopwire.recordings.report import Finding, StreamReport, VerifyReport, decode_report, render_report
from hoopwire.recordings.show import session_json, session_text

__all__ = [
    "Entry",
    "Finding",
    "Frame",
    "Reader",
    "RecordedSession",
    "StreamReport",
    "VerifyReport",
    "decode_entries",
    "decode_report",
    "list_sessions",
    "read_directory",
    "render_report",
    "segment_files",
    "session_json",
    "session_text",
]
