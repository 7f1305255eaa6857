"""Frames of ssh channels as readable lines."""

from hoopwire.recordings import frames
from hoopwire.recordings.plain import printable

ChannelFrame = (
    frames.ChannelOpen
    | frames.ChannelRequest
    | frames.ChannelData
    | frames.ChannelFlow
    | frames.Typed
    | frames.ChannelAnswer
)

_DIGEST_SHOWN = 16
_TEXT_SHOWN = 120


def channel_line(frame: ChannelFrame) -> str:
    """One line; what peers sent is escaped, and long data is cut (`--json` has all)."""
    where = f"channel {frame.channel}" if frame.channel else "connection"
    match frame:
        case frames.ChannelOpen():
            about = f" to {printable(frame.about)}" if frame.about else ""
            return f"{where}: open {printable(frame.name)}{about}, {_verdict(frame.allow, frame.reason)}"
        case frames.ChannelRequest():
            about = f" {printable(frame.about)}" if frame.about else ""
            return f"{where}: {printable(frame.name)}{about}, {_verdict(frame.allow, frame.reason)}"
        case frames.ChannelData():
            cut = " ..." if len(frame.content) > _TEXT_SHOWN else ""
            text = printable(frame.content[:_TEXT_SHOWN])
            return f"{where}: {_stream(frame.stream)}{len(frame.content)} bytes: {text}{cut}"
        case frames.ChannelFlow():
            digest = frame.digest.hex()[:_DIGEST_SHOWN]
            return f"{where}: {_stream(frame.stream)}{frame.bytes} bytes, blake3 {digest}"
        case frames.Typed():
            return f"{where}: {frame.bytes} bytes typed"
        case frames.ChannelAnswer():
            about = f" {printable(frame.about)}" if frame.about else ""
            return f"{where}: {printable(frame.what.replace('_', ' '))}{about}"


def _verdict(allow: bool, reason: str) -> str:
    verb = "allow" if allow else "DENY"
    return f"{verb} by {printable(reason)}" if reason else verb


def _stream(stream: int) -> str:
    return "stderr " if stream else ""
