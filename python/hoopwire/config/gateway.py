"""Checks of `[gateway]`, `[listen]`, `[limits]` and `[recording]`."""

import ipaddress
import re

from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, quoted
from hoopwire.model.settings import GatewaySettings, LimitSettings, ListenSettings, RecordingSettings

_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_UNIX_PATH_BYTES = 107
"""sockaddr_un.sun_path less its NUL (unix(7))."""

_CONTACT_CHARACTERS = 200
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_MIB = 1 << 20
_GIB = 1 << 30


def check_gateway(gateway: GatewaySettings, report: Report) -> None:
    """Names, audience, number of reactors."""
    key = "gateway"
    if not gateway.audience or any(character.isspace() for character in gateway.audience):
        report.add((key, "audience"), "must be the exact `aud` of the tokens: not empty, no blanks")
    if not _NODE.fullmatch(gateway.node):
        report.add(
            (key, "node"), "must be 1 to 64 letters, digits, `_`, `.` or `-`, with a letter or digit first"
        )
    if not 0 <= gateway.reactors <= 256:
        report.add((key, "reactors"), "must be from 0 (one per core) to 256")
    if len(gateway.contact) > _CONTACT_CHARACTERS or not gateway.contact.isprintable():
        report.add(
            (key, "contact"), f"must be one printable line of at most {_CONTACT_CHARACTERS} characters"
        )
    for name in ("keep_audit", "keep_grants"):
        if getattr(gateway, name) and getattr(gateway, name) < 86_400:
            report.add((key, name), 'must be 1d or more, or "0s" to keep all')


def check_listen(listen: ListenSettings, report: Report) -> None:
    """Addresses are IP addresses with a port, none twice."""
    if not listen.postgres and not listen.ssh:
        report.add(("listen", "postgres"), 'name at least one address, for example ["0.0.0.0:5432"]')
    seen: set[tuple[str, int]] = set()
    addresses: list[tuple[Key, str]] = [
        (("listen", name, index), text)
        for name, listed in (("postgres", listen.postgres), ("ssh", listen.ssh))
        for index, text in enumerate(listed)
    ]
    for key, text in [*addresses, (("listen", "control"), listen.control)]:
        if text is None:
            continue
        try:
            address = parse_address(text)
        except ValueError as error:
            report.add(key, str(error))
            continue
        if address in seen and address[1] != 0:
            report.add(key, f"{quoted(text)} is listed twice")
        seen.add(address)
    if listen.public_host is not None and not _HOST.fullmatch(listen.public_host):
        report.add(("listen", "public_host"), "must be a host name or an address, without a port")
    if len(listen.admin_socket.encode()) > _UNIX_PATH_BYTES:
        report.add(("listen", "admin_socket"), f"the whole path may have {_UNIX_PATH_BYTES} bytes at most")


def parse_address(text: str) -> tuple[str, int]:
    """`127.0.0.1:5432` or `[::1]:5432` to address and port. ValueError with what is right to write."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        address = None
    if not colon or address is None or (address.version == 6) != bracketed:
        raise ValueError(
            f"{quoted(text)} is no IP address with a port; write 0.0.0.0:5432, 127.0.0.1:5432 or [::1]:5432"
        )
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise ValueError(f"the port of {quoted(text)} must be from 0 (any free one) to 65535")
    return str(address), int(port)


def check_limits(limits: LimitSettings, report: Report) -> None:
    """Caps above zero and in their order; deadlines above zero."""
    key = "limits"
    for name in ("connections", "connections_per_address", "unadmitted_per_address"):
        if not 1 <= getattr(limits, name) <= 1_000_000:
            report.add((key, name), "must be from 1 to 1000000")
    if limits.connections_per_address > limits.connections:
        report.add((key, "connections_per_address"), f"is above `connections`, which is {limits.connections}")
    if limits.unadmitted_per_address > limits.connections_per_address:
        report.add(
            (key, "unadmitted_per_address"),
            f"is above `connections_per_address`, which is {limits.connections_per_address}",
        )
    for name in ("tls_handshake", "startup", "admission", "upstream_login"):
        if not 0.1 <= getattr(limits, name) <= 300:
            report.add((key, name), "must be from 100ms to 5m")
    if not 1024 <= limits.statement <= 32 * _MIB:
        # A statement is kept in one frame of the recording, which holds 64 MiB.
        report.add((key, "statement"), "must be from 1KiB to 32MiB")


def check_recording(recording: RecordingSettings, report: Report) -> None:
    """Sizes and times that the spool can keep."""
    key = "recording"
    if not _MIB <= recording.segment <= 4 * _GIB:
        report.add((key, "segment"), "must be from 1MiB to 4GiB")
    if not 1 <= recording.seal_after <= 86400:
        report.add((key, "seal_after"), "must be from 1s to 1d")
    if not 1 <= recording.checkpoint_every <= 3600:
        report.add((key, "checkpoint_every"), "must be from 1s to 1h")
    if recording.checkpoints is not None and recording.checkpoints.startswith(recording.directory + "/"):
        report.add(
            (key, "checkpoints"),
            "lies inside `directory`: whoever can rewrite the recordings could rewrite it too",
        )
