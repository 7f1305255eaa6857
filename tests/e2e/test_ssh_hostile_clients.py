"""Clients that do what no honest one does: each gets a clear end, memory stays flat, and nobody else notices.

Found in other gateways: a panic or an abort at a length of 2^32 - 1; channels served before a login; a
client that says USERAUTH_SUCCESS and is believed (CVE-2018-10933); memory that grows with refused opens or
with output that nobody reads.
"""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from support import ssh_scripted as raw
from support.ssh_house import TARGET, SshHouse, ssh_house
from support.ssh_scripted import Ended, Raw, text, u32
from support.wait import wait_for

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
UNADMITTED = 24
GROWTH_BYTES = 48 * 1024 * 1024
"""What a gateway may hold more than before: allocators keep pages. What is sent below is far more."""


@pytest.fixture(scope="module")
def house(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SshHouse]:
    settings = {"limits": {"unadmitted_per_address": UNADMITTED}}
    with ssh_house(pg, issuer, tmp_path_factory.mktemp("hostile"), POLICIES, settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def secret(house: SshHouse) -> str:
    agent = house.agent("secretive", "operators")
    minted = house.gateway.mint(agent.token(), target=TARGET)
    assert minted.status_code == 201, minted.text
    return str(minted.json()["secret"])


@pytest.fixture(scope="module")
def bystander(house: SshHouse, secret: str) -> Iterator[Raw]:
    """A session that is there before all the others, and still there after them."""
    with Raw.connect(house.port).log_in(TARGET, secret) as session:
        yield session
        assert session.run("echo still here") == b"still here\n"


@pytest.fixture(autouse=True)
def nobody_else_notices(house: SshHouse, bystander: Raw) -> Iterator[None]:
    """Before and after each of them: memory, and the session of another."""
    bystander.run("true")
    before = house.gateway.resident_bytes
    yield
    assert bystander.run("echo here") == b"here\n"
    assert house.gateway.resident_bytes - before < GROWTH_BYTES
    assert "panic" not in house.gateway.log.lower()


def ends(session: Raw, *codes: int) -> str:
    """It is ended with one of these codes, and with words, which are returned."""
    ended = session.ending()
    assert ended.code in codes, ended
    assert ended.words, ended
    session.socket.close()
    return ended.words


def log_in(house: SshHouse, secret: str) -> Raw:
    return Raw.connect(house.port).log_in(TARGET, secret)


# Before keys.


def test_every_message_number_before_kexinit(house: SshHouse) -> None:
    for number in set(range(256)) - {raw.DISCONNECT, raw.KEXINIT}:
        with Raw.connect(house.port) as session:
            session.identify()
            session.until(raw.KEXINIT)
            session.send(number, bytes(32))
            ends(session, 2)


def test_lengths_that_no_packet_has(house: SshHouse) -> None:
    for length in (0xFFFFFFFF, 0x80000000, 35_001, 1, 0):
        with Raw.connect(house.port) as session:
            session.identify()
            session.write(u32(length) + bytes(64))
            ends(session, 2)
        with Raw.connect(house.port).start() as session:
            session.write(u32(length) + bytes(64))
            ends(session, 2, 5)


@pytest.mark.parametrize(
    "line",
    [
        b"SSH-1.5-old\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\0" * 300,
        b"SSH-2.0-" + b"x" * 300 + b"\r\n",
        b"\r\n" * 200,
    ],
)
def test_lines_that_are_no_identification(house: SshHouse, line: bytes) -> None:
    with Raw.connect(house.port) as session:
        session.write(line)
        session.hear_version()
        ended = session.ending()
        assert ended.words or ended.code == 0, ended


def test_a_key_exchange_that_makes_no_sense(house: SshHouse) -> None:
    points = [b"", bytes(31), bytes(32), b"\x01" + bytes(31), b"\xff" * 32, bytes(33), bytes(30_000)]
    for point in points:
        with Raw.connect(house.port) as session:
            session.identify()
            session.send(session.kexinit())
            session.until(raw.KEXINIT)
            session.send(raw.KEX_ECDH_INIT, text(point))
            if point != b"\xff" * 32:  # a point like any other
                ends(session, 2, 3)
    for extra in (b"", b"\0" * 10, text(b"a," * 16_000) * 10):
        with Raw.connect(house.port) as session:
            session.identify()
            session.send(raw.KEXINIT, bytes(16), extra)
            ends(session, 2, 3)
    with Raw.connect(house.port) as session:
        session.identify()
        session.send(session.kexinit())
        session.send(session.kexinit())
        ends(session, 2)
    with Raw.connect(house.port) as session:
        session.identify()
        session.send(session.kexinit())
        session.send(raw.NEWKEYS)
        ends(session, 2)


# Before a login.


def test_nothing_of_a_session_before_the_login(house: SshHouse) -> None:
    for number in (*range(80, 83), *range(90, 101)):
        with Raw.connect(house.port).start() as session:
            session.send(number, text("session"), u32(0, 1 << 20, 1 << 15))
            ends(session, 2)


def test_a_client_does_not_say_that_it_is_in(house: SshHouse) -> None:
    for number in (
        raw.USERAUTH_FAILURE,
        raw.USERAUTH_SUCCESS,
        raw.USERAUTH_BANNER,
        raw.USERAUTH_INFO_REQUEST,
        raw.USERAUTH_INFO_RESPONSE,
        raw.SERVICE_ACCEPT,
    ):
        with Raw.connect(house.port).start() as session:
            session.serve_userauth()
            session.send(number, text("ssh-userauth"))
            session.open()
            ends(session, 2)


def test_numbers_that_stand_for_nothing_are_answered_so(house: SshHouse, secret: str) -> None:
    with Raw.connect(house.port).start() as session:
        session.serve_userauth()
        for number in (0, 8, 19, 54, 59, 62, 79, 83, 89, 101, 192, 255):
            session.send(number, bytes(8))
            assert session.packet()[0] == raw.UNIMPLEMENTED, number
        session.ask(TARGET, "password", b"\0", text(secret))
        session.until(raw.USERAUTH_SUCCESS)


def test_a_login_that_goes_on_in_vain_is_ended(house: SshHouse) -> None:
    tries: list[Callable[[Raw], None]] = [
        lambda session: session.ask(TARGET, "password", b"\0", text("")),
        lambda session: session.ask(TARGET, "publickey", b"\0", text("ssh-ed25519"), text(bytes(51))),
        lambda session: session.ask(TARGET, "hostbased", text(bytes(5000))),
        lambda session: session.ask(TARGET, "publickey", b"\1", text("ssh-ed25519"), text(b""), text(b"")),
    ]
    for attempt in tries:
        with Raw.connect(house.port).start() as session:
            session.serve_userauth()
            for _ in range(100):
                attempt(session)
            assert "too many" in ends(session, 14)


def test_login_requests_that_are_cut_short(house: SshHouse) -> None:
    whole = (
        text(TARGET) + text("ssh-connection") + text("publickey") + b"\1" + text("ssh-ed25519") + text(b"")
    )
    for length in range(len(whole)):
        with Raw.connect(house.port).start() as session:
            session.serve_userauth()
            session.send(raw.USERAUTH_REQUEST, whole[:length])
            ends(session, 2)


def test_other_users_and_services_in_one_login(house: SshHouse) -> None:
    with Raw.connect(house.port).start() as session:
        session.serve_userauth()
        session.ask("one", "none")
        session.until(raw.USERAUTH_FAILURE)
        session.ask("another", "none")
        ends(session, 2)
    for service in ("ssh-connection", "", "x" * 30_000):
        with Raw.connect(house.port).start() as session:
            session.send(raw.SERVICE_REQUEST, text(service))
            ends(session, 2)


def test_names_that_are_not_there_do_not_shut_others_out(house: SshHouse, secret: str) -> None:
    """One address, which is everybody's to the target: its sshd punishes names that it does not know."""
    logs = house.server.log
    for user in (
        f"nosuch@{TARGET}",
        "nosuch",
        f"../{TARGET}",
        "x" * 30_000,
        "\0",
        f"{TARGET}\n",
        "@",
        f"a@b@{TARGET}",
    ):
        for _ in range(8):
            with pytest.raises(Ended) as refused:
                Raw.connect(house.port).log_in(user, secret)
            assert refused.value.words, user[:40]
    # none of them came to the target
    assert "Invalid user" not in house.server.log[len(logs) :]
    assert log_in(house, secret).run("echo in") == b"in\n"


# After a login.


def test_packets_that_are_cut_short(house: SshHouse, secret: str) -> None:
    for number in (80, *range(90, 101)):
        for content in (b"", b"\xff" * 40):
            with log_in(house, secret) as session:
                session.send(number, content)
                ends(session, 2)


def test_answers_that_nobody_asked_for(house: SshHouse, secret: str) -> None:
    for parts in (
        (raw.REQUEST_SUCCESS,),
        (raw.REQUEST_FAILURE,),
        (raw.CHANNEL_SUCCESS, u32(0)),
        (raw.CHANNEL_FAILURE, u32(0)),
        (raw.OPEN_CONFIRMATION, u32(0, 0, 1, 1)),
        (raw.OPEN_FAILURE, u32(0, 1), text(""), text("")),
    ):
        for is_open in (False, True):
            with log_in(house, secret) as session:
                if is_open:
                    session.opened()
                session.send(*parts)
                ends(session, 2)


def test_channels_that_are_not_there(house: SshHouse, secret: str) -> None:
    for parts in (
        (raw.CHANNEL_DATA, u32(77), text("x")),
        (raw.EXTENDED_DATA, u32(77, 1), text("x")),
        (raw.WINDOW_ADJUST, u32(77, 1)),
        (raw.CHANNEL_EOF, u32(77)),
        (raw.CHANNEL_CLOSE, u32(77)),
        (raw.CHANNEL_REQUEST, u32(77), text("exec"), b"\1", text("true")),
    ):
        with log_in(house, secret) as session:
            session.send(*parts)
            ends(session, 2)


def test_a_channel_that_is_used_against_its_order(house: SshHouse, secret: str) -> None:
    """Data before anything runs, a second command, data and requests after EOF and CLOSE."""
    with log_in(house, secret) as session:
        channel = session.opened()
        session.request(channel, "exec", text("cat"))
        session.until(raw.CHANNEL_SUCCESS)
        session.request(channel, "exec", text("touch /tmp/second"))
        assert session.until(raw.CHANNEL_SUCCESS, raw.CHANNEL_FAILURE)[0] == raw.CHANNEL_FAILURE
        # What comes behind EOF is sshd's to take or to leave: it starts nothing.
        session.send(raw.CHANNEL_EOF, u32(channel))
        session.send(raw.CHANNEL_DATA, u32(channel), text("more"))
        session.until(raw.CHANNEL_CLOSE)
        session.send(raw.CHANNEL_CLOSE, u32(channel))
        assert session.run("echo next") == b"next\n"
    with log_in(house, secret) as session:
        channel = session.opened()
        session.send(raw.CHANNEL_DATA, u32(channel), text("early"))
        ends(session, 2)
    with log_in(house, secret) as session:
        channel = session.opened()
        session.send(raw.CHANNEL_CLOSE, u32(channel))
        session.send(raw.CHANNEL_CLOSE, u32(channel))
        ends(session, 2)
    with log_in(house, secret) as session:
        session.opened(5)
        session.open(number=5)
        ends(session, 2)


def test_windows_past_their_end(house: SshHouse, secret: str) -> None:
    with log_in(house, secret) as session:
        channel = session.opened()
        session.request(channel, "exec", text("cat"))
        session.until(raw.CHANNEL_SUCCESS)
        for _ in range(3):
            session.send(raw.WINDOW_ADJUST, u32(channel, 0xFFFFFFFF))
        ends(session, 2, 10)


def test_more_data_than_the_window_has(house: SshHouse, secret: str) -> None:
    """Into a command that reads nothing, without heeding its window."""
    with log_in(house, secret) as session:
        channel = session.opened()
        session.request(channel, "exec", text("sleep 1000"))
        session.until(raw.CHANNEL_SUCCESS)
        for _ in range(2000):
            session.send(raw.CHANNEL_DATA, u32(channel), text(bytes(32_768)))
        # OpenSSH forgets it, or ends the connection.
        with suppress(Ended):
            assert session.run("echo next", number=1) == b"next\n"


def test_new_keys_without_end(house: SshHouse, secret: str) -> None:
    with log_in(house, secret) as session:
        for _ in range(100):
            session.exchange()
        assert session.run("echo fresh") == b"fresh\n"


def test_new_keys_without_end_before_the_login(house: SshHouse) -> None:
    def exchange(session: Raw) -> None:
        for _ in range(1000):
            session.exchange()

    with Raw.connect(house.port).start() as session:
        with pytest.raises(Ended) as ended:
            exchange(session)
        assert ended.value.code == 2
        assert ended.value.words


def test_new_keys_that_are_never_finished(house: SshHouse, secret: str) -> None:
    """Between its KEXINIT and its NEWKEYS a client may say nothing else of a session."""
    with log_in(house, secret) as session:
        session.send(session.kexinit())
        session.open()
        ends(session, 2)
    with log_in(house, secret) as session:
        session.send(session.kexinit())
        session.send(session.kexinit())
        ends(session, 2)


def test_opens_that_are_denied_a_million_times(house: SshHouse, secret: str) -> None:
    with log_in(house, secret) as session:
        kinds = ("nonsense@example.com", "auth-agent@openssh.com", "")
        denied = []

        def ask() -> None:
            for number in range(1_000_000):
                session.open(kinds[number % len(kinds)], number=number % 1000)
                denied.append(session.packet()[0] == raw.OPEN_FAILURE)

        with pytest.raises(Ended) as ended:
            ask()
        assert ended.value.code == 11
        assert ended.value.words
        assert denied == [True] * 10_000


def test_more_channels_than_there_are(house: SshHouse, secret: str) -> None:
    with log_in(house, secret) as session:
        outcomes = []
        for number in range(1100):
            session.open(number=number)
            outcomes.append(session.until(raw.OPEN_CONFIRMATION, raw.OPEN_FAILURE)[0])
        assert outcomes.count(raw.OPEN_CONFIRMATION) <= 1024
        assert raw.OPEN_FAILURE in outcomes


def test_a_client_that_reads_nothing_while_output_floods(
    house: SshHouse, bystander: Raw, secret: str
) -> None:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", house.port))
    with Raw(connection).log_in(TARGET, secret) as session:
        channel = session.opened(window=0x7FFFFFFF)
        whole = house.folder / "whole-flood"
        session.request(channel, "exec", text(f"head -c 2000000000 /dev/zero; touch {whole}"))
        # Others are served all the while.
        seen = [-1]
        wait_for(lambda: _stands(house, bystander, seen), "the flood stands still")
        assert not whole.exists()


def _stands(house: SshHouse, bystander: Raw, seen: list[int]) -> bool:
    """No more bytes have come out than at the last look, of a session that has some."""
    assert bystander.run("true") == b""
    most = max(int(each["bytes_out"]) for each in house.sessions())
    stands = most == seen[-1] and most > 100_000
    seen.append(most)
    return stands and len(seen) > 3


def test_connections_that_are_opened_and_say_nothing(house: SshHouse, secret: str) -> None:
    silent = []
    try:
        for _ in range(UNADMITTED):
            session = Raw.connect(house.port)
            session.hear_version()
            silent.append(session)
        with Raw.connect(house.port) as over:
            with pytest.raises(Ended):
                over.hear_version()
            told = b" ".join([*over.before_version])
            assert b"too many" in told, told
    finally:
        for session in silent:
            session.socket.close()
    wait_for(lambda: _gets_in(house, secret), "there is room again")


def _gets_in(house: SshHouse, secret: str) -> bool:
    try:
        with log_in(house, secret) as session:
            return session.run("echo in") == b"in\n"
    except Ended:
        return False


def test_connections_that_are_dropped_at_every_step(house: SshHouse, secret: str) -> None:
    """With a reset, so that the gateway meets it when it writes, too."""

    def drop(session: Raw) -> None:
        session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        session.socket.close()

    for step in range(9):
        for _ in range(10):
            session = Raw.connect(house.port)
            if step > 0:
                session.identify()
            if step > 1:
                session.send(session.kexinit())
            if step > 2:
                session.until(raw.KEXINIT)
            if step > 3:
                drop(session)
                session = Raw.connect(house.port).start()
            if step > 4:
                session.send(raw.SERVICE_REQUEST, text("ssh-userauth"))
            if step > 5:
                session.ask(TARGET, "password", b"\0", text(secret))
            if step > 6:
                session.until(raw.USERAUTH_SUCCESS)
            if step > 7:
                session.open()
                session.request(0, "exec", text("head -c 10000000 /dev/zero"))
            drop(session)
    wait_for(lambda: _gets_in(house, secret), "others get in")


def test_what_is_late_is_told_so(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A login that never comes: the deadline ends it, with words once there are keys."""
    settings = {"limits": {"startup": "2s"}}
    folder = tmp_path_factory.mktemp("late")
    with (
        ssh_house(pg, issuer, folder, POLICIES, settings=settings) as house,
        Raw.connect(house.port) as silent,
        Raw.connect(house.port) as half,
        Raw.connect(house.port) as slow,
    ):
        half.identify()
        slow.start()
        slow.serve_userauth()
        words = [slow.ending().words, half.ending().words]
        silent.hear_version()
        words.append(silent.ending().words)
        assert all("time" in each for each in words), words
