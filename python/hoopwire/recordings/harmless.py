"""Recorded terminal output that may be shown on somebody's terminal.

What an agent made a terminal print can be meant for who replays it: sequences that make a terminal type an
answer, set the clipboard or rename windows. Those are left out; what draws stays (ECMA-48; xterm's control
sequences).
"""

from enum import Enum, auto

_ESC = 0x1B
_BEL = 0x07
_ENQ = 0x05
_C1 = 0xC2
"""In UTF-8 the first byte of a control of 8 bits."""
_CAN_SUB = (0x18, 0x1A)
_SEQUENCE_MAX = 4096
_STRINGS = b"]PX^_"
"""What begins a string behind ESC: OSC, DCS, SOS, PM, APC."""
_ASKING = b"cnptx"
"""Final bytes of CSI sequences that ask for an answer, work on windows, or reset modes of the keyboard."""


class _At(Enum):
    GROUND = auto()
    C1 = auto()
    ESCAPE = auto()
    CSI = auto()
    STRING = auto()
    STRING_ESCAPE = auto()


class Harmless:
    """A filter over a stream of bytes, cut anywhere."""

    def __init__(self) -> None:
        self._at = _At.GROUND
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        """What of `data` (and of what was held of a sequence) may be shown."""
        out = bytearray()
        for byte in data:
            self._take(byte, out)
        return bytes(out)

    def _take(self, byte: int, out: bytearray) -> None:
        match self._at:
            case _At.GROUND:
                self._ground(byte, out)
            case _At.C1:
                self._c1(byte, out)
            case _At.ESCAPE:
                self._escape(byte, out)
            case _At.CSI:
                self._csi(byte, out)
            case _At.STRING:
                if byte == _ESC:
                    self._at = _At.STRING_ESCAPE
                elif byte == _BEL or byte in _CAN_SUB:
                    self._at = _At.GROUND
            case _At.STRING_ESCAPE:
                # ST ends the string; any other escape ends it, too, and begins anew
                self._at = _At.GROUND
                if byte != ord("\\"):
                    self._held[:] = [_ESC]
                    self._at = _At.ESCAPE
                    self._escape(byte, out)

    def _ground(self, byte: int, out: bytearray) -> None:
        if byte == _ESC:
            self._held[:] = [byte]
            self._at = _At.ESCAPE
        elif byte == _C1:
            self._at = _At.C1
        elif byte != _ENQ:
            out.append(byte)

    def _c1(self, byte: int, out: bytearray) -> None:
        """A control of 8 bits is ESC and a letter in another form: U+009B is ESC [."""
        self._at = _At.GROUND
        if 0x80 <= byte <= 0x9F:
            self._held[:] = [_ESC]
            self._at = _At.ESCAPE
            self._escape(byte - 0x40, out)
        else:
            out.append(_C1)
            self._ground(byte, out)

    def _escape(self, byte: int, out: bytearray) -> None:
        self._held.append(byte)
        if byte == ord("["):
            self._at = _At.CSI
        elif byte in _STRINGS:
            self._at = _At.STRING
        elif byte == _ESC:
            self._held[:] = [byte]
        elif 0x20 <= byte <= 0x2F and len(self._held) < _SEQUENCE_MAX:
            pass
        else:
            # ESC Z asks who the terminal is
            if byte != ord("Z"):
                out += self._held
            self._at = _At.GROUND

    def _csi(self, byte: int, out: bytearray) -> None:
        self._held.append(byte)
        if byte == _ESC:
            self._held[:] = [byte]
            self._at = _At.ESCAPE
        elif byte in _CAN_SUB or len(self._held) > _SEQUENCE_MAX:
            self._at = _At.GROUND
        elif 0x40 <= byte <= 0x7E:
            if byte not in _ASKING:
                out += self._held
            self._at = _At.GROUND
