"""Tries what the gateway takes of its own machine: folders, room, the audit's file, ports, descriptors."""

import errno
import os
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from hoopwire.cli.output import size
from hoopwire.cli.trials.trial import Trial, failed, warned
from hoopwire.config.positions import Key
from hoopwire.model.settings import Settings


def places(settings: Settings, audit: str | None) -> Iterator[Trial]:
    """All of it. `audit`: the file that `hoopwire serve --audit` gets."""
    yield from _directory(("gateway", "state"), settings.gateway.state, 1 << 20)
    yield from _directory(("recording", "directory"), settings.recording.directory, settings.recording.floor)
    if settings.recording.checkpoints is not None:
        yield _appended(("recording", "checkpoints"), settings.recording.checkpoints)
    if audit is not None:
        yield _appended(("listen",), audit, what="audit file")
    running = _running(settings.listen.admin_socket)
    listened: list[tuple[Key, str]] = [
        *((("listen", "postgres", index), address) for index, address in enumerate(settings.listen.postgres)),
        *((("listen", "ssh", index), address) for index, address in enumerate(settings.listen.ssh)),
    ]
    if settings.listen.control is not None:
        listened.append((("listen", "control"), settings.listen.control))
    for key, address in listened:
        yield _listener(key, address, running)
    yield _descriptors(settings, running)


def _directory(key: Key, path: str, least: int) -> Iterator[Trial]:
    """It is there, or can be made; it can be written to; its volume has room."""
    tried = f"folder {path}"
    there = Path(path)
    while not there.exists() and there != there.parent:
        there = there.parent
    will = "" if there == Path(path) else f"will be made in {there}"
    try:
        # A file without a name: nobody who watches the folder sees it.
        os.close(os.open(there, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR) or not os.access(there, os.W_OK | os.X_OK):
            to_do = f"the gateway's account must be able to write in {there}"
            yield failed(key, tried, f"cannot be written to: {error.strerror}", to_do)
            return
    volume = os.statvfs(there)
    room = volume.f_bavail * volume.f_frsize
    if room < least:
        to_do = "make room, or give it a volume of its own: nobody is admitted with less"
        yield failed(key, tried, f"has {size(room)}, and {size(least)} is the least", to_do)
    else:
        yield Trial(key=key, tried=tried, found=", ".join(filter(None, (will, f"{size(room)} free"))))


def _appended(key: Key, path: str, what: str = "file") -> Trial:
    """A file that is appended to. It is not made if it is not there."""
    tried = f"{what} {path}"
    try:
        if Path(path).exists():
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC))
            return Trial(key=key, tried=tried, found="can be appended to")
        if os.access(Path(path).parent, os.W_OK | os.X_OK):
            return Trial(key=key, tried=tried, found="will be made")
        reason = "its folder cannot be written to, or is not there"
    except OSError as error:
        reason = error.strerror or str(error)
    return failed(key, tried, reason, "the gateway's account must be able to append to it")


def _running(admin_socket: str) -> int | None:
    """Process id of the gateway that has the operators' socket; none if nobody answers there."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as asked:
        asked.settimeout(5)
        try:
            asked.connect(admin_socket)
            credentials = asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    return int(struct.unpack("3i", credentials)[0])


def _listener(key: Key, address: str, running: int | None) -> Trial:
    tried = f"listen at {address}"
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            taken.bind((host, int(port)))
            # A port that somebody listens at can be bound with SO_REUSEADDR as long as he is the only one.
            taken.listen(1)
        except OSError as error:
            return _taken(key, tried, error, int(port), running)
    return Trial(key=key, tried=tried, found="is free")


def _taken(key: Key, tried: str, error: OSError, port: int, running: int | None) -> Trial:
    if error.errno == errno.EADDRINUSE:
        holders = _holders(port)
        if running is not None and (running in holders or not holders):
            return Trial(key=key, tried=tried, found="is held by the gateway that runs")
        of = ", ".join(f"{_name(holder)} (process {holder})" for holder in sorted(holders))
        found = f"is taken by {of}" if of else "is taken"
        return failed(key, tried, found, f"end that, or take another port: ss -ltnp 'sport = :{port}'")
    if error.errno == errno.EACCES:
        to_do = "a port below 1024 needs CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=)"
        if running is not None:
            return warned(key, tried, "may not be taken by this account", to_do)
        return failed(key, tried, "may not be taken by this account", to_do)
    if error.errno == errno.EADDRNOTAVAIL:
        return failed(key, tried, "is no address of this machine", "ip address shows what it has")
    return failed(key, tried, error.strerror or str(error), "listen somewhere else")


def _holders(port: int) -> set[int]:
    """Processes that listen at a TCP port, as far as we may see them."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{fields[9]}]")
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and sockets:
            with suppress(OSError):
                if any(os.readlink(one) in sockets for one in (process / "fd").iterdir()):
                    found.add(int(process.name))
    return found


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return "another"


def _descriptors(settings: Settings, running: int | None) -> Trial:
    """Two a connection, and some for the rest; of the gateway that runs, else of this shell."""
    least = 2 * settings.limits.connections + 64
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    of = "of this shell"
    if running is not None:
        with suppress(OSError):
            limit = resource.prlimit(running, resource.RLIMIT_NOFILE)[1]
            of = "of the gateway that runs"
    key: Key = ("limits", "connections")
    tried = f"descriptors {of}"
    if limit != resource.RLIM_INFINITY and limit < least:
        to_do = f"raise LimitNOFILE to {least}, or lower limits.connections"
        return warned(
            key, tried, f"{limit}, and {settings.limits.connections} connections take {least}", to_do
        )
    return Trial(key=key, tried=tried, found="no limit" if limit == resource.RLIM_INFINITY else f"{limit}")
