"""An SSH peer that does whatever it is told: packets of any number, at any time, in either role.

RFC 4253 with curve25519-sha256, ssh-ed25519 and aes128-gcm@openssh.com (OpenSSH's PROTOCOL, 1.6), no
compression. It is blocking and knows no rules: the test says what comes next.
"""

import hashlib
import os
import socket
import struct
from contextlib import suppress
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = range(1, 8)
KEXINIT, NEWKEYS, KEX_ECDH_INIT, KEX_ECDH_REPLY = 20, 21, 30, 31
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS, USERAUTH_BANNER = range(50, 54)
USERAUTH_INFO_REQUEST, USERAUTH_INFO_RESPONSE = 60, 61
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
(
    CHANNEL_OPEN,
    OPEN_CONFIRMATION,
    OPEN_FAILURE,
    WINDOW_ADJUST,
    CHANNEL_DATA,
    EXTENDED_DATA,
    CHANNEL_EOF,
    CHANNEL_CLOSE,
    CHANNEL_REQUEST,
    CHANNEL_SUCCESS,
    CHANNEL_FAILURE,
) = range(90, 101)

PATIENCE_S = 120.0
_KEX = b"curve25519-sha256"
_CIPHER = b"aes128-gcm@openssh.com"


def text(value: bytes | str) -> bytes:
    """A string (RFC 4251, 5)."""
    content = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(content)) + content


def u32(*values: int) -> bytes:
    """Numbers of four bytes."""
    return struct.pack(f">{len(values)}I", *values)


def read_text(payload: bytes, place: int) -> tuple[bytes, int]:
    """A string, and where it ends."""
    (length,) = struct.unpack_from(">I", payload, place)
    return payload[place + 4 : place + 4 + length], place + 4 + length


class Ended(Exception):
    """The other side has ended the connection: with its words, where it said any."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code
        self.words = words


class _Cipher:
    """One direction of aes128-gcm@openssh.com."""

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._gcm = AESGCM(key[:16])
        self._fixed, self._count = nonce[:4], int.from_bytes(nonce[4:12])

    def _nonce(self) -> bytes:
        nonce = self._fixed + self._count.to_bytes(8)
        self._count = (self._count + 1) % (1 << 64)
        return nonce

    def seal(self, length: bytes, body: bytes) -> bytes:
        return length + self._gcm.encrypt(self._nonce(), body, length)

    def open(self, length: bytes, sealed: bytes) -> bytes:
        return self._gcm.decrypt(self._nonce(), sealed, length)


class Raw:
    """A connection. With a host key it is the server of it, else the client."""

    def __init__(self, connection: socket.socket, host_key: Ed25519PrivateKey | None = None) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE_S)
        self.host_key = host_key
        self.version = b"SSH-2.0-OpenSSH_9.2"
        self.peer_version = b""
        self.before_version: list[bytes] = []
        self.session_id = b""
        self.banners: list[str] = []
        self._out: _Cipher | None = None
        self._in: _Cipher | None = None
        self._buffer = b""
        self._own_init = b""

    @classmethod
    def connect(cls, port: int) -> Self:
        """A client of what listens there."""
        return cls(socket.create_connection(("127.0.0.1", port), PATIENCE_S))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    # Bytes and packets.

    def write(self, data: bytes) -> None:
        """As it is. What cannot be sent any more is dropped: the answer tells."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def sealed(self, payload: bytes) -> bytes:
        """A packet, for `write`: several may go at once."""
        block = 16 if self._out else 8
        counted = 0 if self._out else 4
        padding = block - (counted + 1 + len(payload)) % block
        padding += block if padding < 4 else 0
        body = bytes([padding]) + payload + os.urandom(padding)
        length = struct.pack(">I", len(body))
        return self._out.seal(length, body) if self._out else length + body

    def send(self, *parts: bytes | int) -> None:
        """A packet: numbers are single bytes."""
        payload = b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)
        self.write(self.sealed(payload))

    def _more(self) -> None:
        try:
            more = self.socket.recv(1 << 18)
        except ConnectionResetError:
            more = b""
        if not more:
            raise Ended(0, "")
        self._buffer += more

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def packet(self) -> bytes:
        """The next payload. `Ended` at a DISCONNECT, and at the end without one."""
        length = self._take(4)
        count = int.from_bytes(length)
        body = self._in.open(length, self._take(count + 16)) if self._in else self._take(count)
        payload = body[1 : len(body) - body[0]]
        if payload[0] == DISCONNECT:
            words, _ = read_text(payload, 5)
            raise Ended(int.from_bytes(payload[1:5]), words.decode())
        if payload[0] == USERAUTH_BANNER:
            self.banners.append(read_text(payload, 1)[0].decode())
        return payload

    def until(self, *numbers: int) -> bytes:
        """The next packet of one of these numbers; others are passed over."""
        while (payload := self.packet())[0] not in numbers:
            pass
        return payload

    def ending(self) -> Ended:
        """How the other side ends it; whatever else comes is passed over."""
        while True:
            try:
                self.packet()
            except Ended as ended:
                return ended

    def is_gone(self) -> bool:
        """Whether the other side has closed. What has come is thrown away."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1 << 18) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_S)

    # Identification and keys.

    def identify(self) -> None:
        """Both lines."""
        self.write(self.version + b"\r\n")
        self.hear_version()

    def hear_version(self) -> None:
        """The other's line."""
        while True:
            while b"\n" not in self._buffer:
                self._more()
            line, _, self._buffer = self._buffer.partition(b"\n")
            if line.startswith(b"SSH-"):
                self.peer_version = line.rstrip(b"\r")
                return
            self.before_version.append(line.rstrip(b"\r"))

    def kexinit(self) -> bytes:
        """A KEXINIT's payload."""
        lists = [
            _KEX,
            b"ssh-ed25519",
            _CIPHER,
            _CIPHER,
            b"hmac-sha2-256",
            b"hmac-sha2-256",
            b"none",
            b"none",
            b"",
            b"",
        ]
        return bytes([KEXINIT]) + os.urandom(16) + b"".join(map(text, lists)) + b"\0" + u32(0)

    def exchange(self) -> None:
        """New keys."""
        self._own_init = self.kexinit()
        self.send(self._own_init)
        theirs = self.until(KEXINIT)
        own = X25519PrivateKey.generate()
        point = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        if self.host_key is None:
            self.send(KEX_ECDH_INIT, text(point))
            reply = self.until(KEX_ECDH_REPLY)
            blob, place = read_text(reply, 1)
            other, _ = read_text(reply, place)
            self._finish(own, point, other, blob, theirs)
        else:
            other, _ = read_text(self.until(KEX_ECDH_INIT), 1)
            public = self.host_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            blob = text("ssh-ed25519") + text(public)
            self._finish(own, point, other, blob, theirs)

    def _finish(self, own: X25519PrivateKey, point: bytes, other: bytes, blob: bytes, theirs: bytes) -> None:
        shared = own.exchange(X25519PublicKey.from_public_bytes(other)).lstrip(b"\0")
        secret = text(b"\0" + shared if shared[0] & 0x80 else shared)
        is_server = self.host_key is not None
        ours = (self.version, self._own_init, point)
        peers = (self.peer_version, theirs, other)
        client, server = (peers, ours) if is_server else (ours, peers)
        parts = (client[0], server[0], client[1], server[1], blob, client[2], server[2])
        digest = hashlib.sha256(b"".join(map(text, parts)) + secret).digest()
        self.session_id = self.session_id or digest
        if self.host_key is not None:
            signature = text("ssh-ed25519") + text(self.host_key.sign(digest))
            self.send(KEX_ECDH_REPLY, text(blob), text(point), text(signature))
        self.send(NEWKEYS)
        self.until(NEWKEYS)

        def derived(letter: bytes) -> bytes:
            return hashlib.sha256(secret + digest + letter + self.session_id).digest()

        to_server = _Cipher(derived(b"C"), derived(b"A"))
        to_client = _Cipher(derived(b"D"), derived(b"B"))
        self._out, self._in = (to_client, to_server) if is_server else (to_server, to_client)

    # A client's login, and its channels.

    def start(self) -> Self:
        """Identification and first keys."""
        self.identify()
        self.exchange()
        return self

    def serve_userauth(self) -> None:
        """Asks for the login service."""
        self.send(SERVICE_REQUEST, text("ssh-userauth"))
        self.until(SERVICE_ACCEPT)

    def ask(self, user: str, method: str, *fields: bytes) -> None:
        """A request to log in."""
        self.send(USERAUTH_REQUEST, text(user), text("ssh-connection"), text(method), *fields)

    def log_in(self, user: str, secret: str) -> Self:
        """All of it, by password. `Ended` if it is refused."""
        self.start()
        self.serve_userauth()
        self.ask(user, "password", b"\0", text(secret))
        self.until(USERAUTH_SUCCESS)
        return self

    def open(self, kind: str = "session", number: int = 0, window: int = 1 << 21, extra: bytes = b"") -> None:
        """Asks for a channel."""
        self.send(CHANNEL_OPEN, text(kind), u32(number, window, 1 << 15), extra)

    def opened(self, number: int = 0, window: int = 1 << 21) -> int:
        """A session channel; the other's number of it."""
        self.open(number=number, window=window)
        return int.from_bytes(self.until(OPEN_CONFIRMATION)[5:9])

    def request(self, channel: int, kind: str, *fields: bytes, reply: bool = True) -> None:
        """Asks for something on a channel."""
        self.send(CHANNEL_REQUEST, u32(channel), text(kind), bytes([reply]), *fields)

    def run(self, command: str, number: int = 0) -> bytes:
        """What a command prints, all of it; it is given no input."""
        channel = self.opened(number)
        self.request(channel, "exec", text(command))
        shown = b""
        while (payload := self.packet())[0] != CHANNEL_CLOSE:
            if payload[0] == CHANNEL_DATA:
                shown += read_text(payload, 5)[0]
        self.send(CHANNEL_CLOSE, u32(channel))
        return shown
