"""kill -9 and a full volume under ssh sessions: what a client received is in a recording that verifies.

For a terminal the very bytes; for other streams their digests.
"""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from support import ssh_scripted as raw
from support.ssh_delivered import Recorded, Streams, recorded
from support.ssh_house import TARGET, SshHouse, ssh_house
from support.ssh_scripted import Ended, Raw, read_text, text, u32
from support.volume import fill, small_volume
from support.wait import wait_for, wait_for_audit

POLICIES = [
    {
        "name": "operators",
        "groups": ["operators"],
        "targets": [TARGET],
        "actions": ["shell", "pty"],
        "ttl": "1h",
        "max_sessions": 500,
    }
]
ROUNDS = 10
CLIENTS = 4
MODES = text(b"\0")


def secret_of(house: SshHouse, name: str) -> str:
    agent = house.agent(name, "operators")
    minted = house.gateway.mint(agent.token(), target=TARGET)
    assert minted.status_code == 201, minted.text
    return str(minted.json()["secret"])


class Receiver:
    """A client that keeps every byte that it was given, by channel and stream."""

    def __init__(self, house: SshHouse, secret: str) -> None:
        self.session = Raw.connect(house.port)
        host, port = self.session.socket.getsockname()
        self.peer = f"{host}:{port}"
        self.received: Streams = {}
        self.channels = 0
        self.session.log_in(TARGET, secret)

    def hear(self) -> bytes:
        """The next packet."""
        payload = self.session.packet()
        if payload[0] in (raw.CHANNEL_DATA, raw.EXTENDED_DATA):
            channel, stream = int.from_bytes(payload[1:5]), 0
            if payload[0] == raw.EXTENDED_DATA:
                stream = int.from_bytes(payload[5:9])
            content, _ = read_text(payload, 9 if stream else 5)
            self.received[channel, stream] = self.received.get((channel, stream), b"") + content
        return payload

    def start(self, command: str, *, terminal: bool) -> int:
        """Its channel, at the target's end. The client's own number is the recording's."""
        self.channels += 1
        channel = self.session.opened(self.channels, window=1 << 30)
        if terminal:
            size = u32(80, 24, 0, 0)
            self.session.request(channel, "pty-req", text("xterm"), size, MODES, reply=False)
        self.session.request(channel, "exec", text(command), reply=False)
        return channel

    def run(self, command: str, *, terminal: bool) -> None:
        """To its end."""
        channel = self.start(command, terminal=terminal)
        while self.hear()[0] != raw.CHANNEL_CLOSE:
            pass
        self.session.send(raw.CHANNEL_CLOSE, u32(channel))


class Busy(threading.Thread):
    """Runs one command after the other until the connection breaks."""

    def __init__(self, house: SshHouse, secret: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.receiver = Receiver(house, secret)
        self.begun = threading.Event()
        self._random = random.Random(seed)

    def run(self) -> None:
        try:
            while True:
                self.receiver.run(self._command(), terminal=self._random.random() < 0.4)
                self.begun.set()
        except Ended:
            pass

    def _command(self) -> str:
        count = self._random.choice([10, 1000, 300_000, 3_000_000])
        where = self._random.choice(["", ">&2"])
        return f"head -c {count} /dev/urandom | base64 {where}"


def held(house: SshHouse) -> dict[str, Recorded]:
    return recorded(house.entries())


@pytest.fixture
def house(pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path: Path) -> Iterator[SshHouse]:
    with ssh_house(pg, issuer, tmp_path / "house", POLICIES) as running:
        yield running


def test_ordinary_sessions_are_covered_to_the_byte(house: SshHouse) -> None:
    receiver = Receiver(house, secret_of(house, "ordinary"))
    receiver.run("head -c 1000000 /dev/urandom; echo error >&2", terminal=False)
    receiver.run("printf 'shown\\n'; head -c 200000 /dev/urandom | base64", terminal=True)
    receiver.session.socket.close()
    wait_for_audit(house.gateway, "session.ended")
    house.gateway.stop()
    assert house.gateway.verify().ok
    kept = held(house)[receiver.peer]
    kept.assert_covers(receiver.received)
    assert kept.total_bytes() == sum(map(len, receiver.received.values()))
    # The terminal's are there themselves.
    assert kept.whole[2, 0] == receiver.received[2, 0]
    assert kept.whole[2, 0].startswith(b"shown\r\n")
    # Those of a stream are not.
    assert not kept.whole[1, 0]


@pytest.mark.slow
def test_kill_at_random_moments(house: SshHouse) -> None:
    """Load, kill -9 somewhere, restart, verify, compare digest by digest."""
    moments = random.Random(20261130)
    received: list[Receiver] = []
    for number in range(ROUNDS):
        secret = secret_of(house, f"crash-{number}")
        clients = [Busy(house, secret, number * CLIENTS + each) for each in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            assert client.begun.wait(120)
        # Any moment will do: what is compared below holds at each.
        threading.Event().wait(moments.random())
        house.gateway.kill9()
        for client in clients:
            client.join(60)
            assert not client.is_alive()
        received += [client.receiver for client in clients]
        house.gateway.start()
        verified = house.gateway.verify()
        assert verified.ok, verified
    house.gateway.stop()
    assert house.gateway.verify().ok
    kept = held(house)
    for receiver in received:
        kept[receiver.peer].assert_covers(receiver.received)
    assert sum(len(content) for each in received for content in each.received.values()) > 10_000_000


def test_a_full_volume_ends_a_terminal_and_all_goes_on_once_there_is_room(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path: Path
) -> None:
    """A recorder that met a full disk dropped itself and let the session go on unrecorded."""
    with small_volume(tmp_path / "volume") as volume:
        recording = {"directory": str(volume / "recordings"), "segment": "1MiB", "floor": "1MiB"}
        # One reactor has one stream: a failure ends all its sessions, also those that say nothing.
        settings = {"recording": recording, "gateway": {"reactors": 1}}
        with ssh_house(pg, issuer, tmp_path / "house", POLICIES, settings=settings) as house:
            secret = secret_of(house, "until-full")
            receiver = Receiver(house, secret)
            receiver.start("echo room; while :; do head -c 3000 /dev/urandom | base64; done", terminal=True)
            while b"room" not in receiver.received.get((1, 0), b""):
                receiver.hear()
            streaming = Receiver(house, secret)
            streaming.start("echo room; sleep 1000", terminal=False)
            while b"room" not in streaming.received.get((1, 0), b""):
                streaming.hear()
            filler = fill(volume)
            with pytest.raises(Ended):
                _hear_on(receiver)
            # On the terminal it is shown; a client without one hears it at the end.
            assert b"cannot record" in receiver.received[1, 0][-1000:]
            with pytest.raises(Ended) as ended:
                _hear_on(streaming)
            assert "cannot record" in ended.value.words
            with pytest.raises(Ended) as refused:
                Raw.connect(house.port).log_in(TARGET, secret)
            assert "record" in refused.value.words
            filler.unlink()
            wait_for(lambda: _is_served(house, secret), "there is room again")
            house.gateway.stop()
            verified = house.gateway.verify()
            assert verified.ok, verified
            kept = held(house)
            for each in (receiver, streaming):
                kept[each.peer].assert_covers(each.received)
            assert kept[receiver.peer].whole[1, 0].startswith(receiver.received[1, 0])


def _hear_on(receiver: Receiver) -> None:
    while True:
        receiver.hear()


def _is_served(house: SshHouse, secret: str) -> bool:
    try:
        with Raw.connect(house.port).log_in(TARGET, secret) as session:
            return session.run("echo back") == b"back\n"
    except Ended:
        return False


def test_after_a_crash_clients_come_back(house: SshHouse, tmp_path: Path) -> None:
    """The grant that was minted before the crash is good after it, and so is the host key."""
    gateway: RunningGateway = house.gateway
    agent = house.admitted("returning", "operators")
    assert agent.ssh("echo before").stdout == b"before\n"
    gateway.kill9()
    gateway.start()
    assert agent.ssh("echo after").stdout == b"after\n"
