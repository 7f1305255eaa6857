"""Targets that do what no honest sshd does: the principal is told, nothing of it passes, nobody else notices.

A target that somebody else has taken over must not come through the gateway to those who log in there: no
channel that nobody asked for, no request of its own, no other host key, and no wait without end.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from hoopwire.model.ssh.keys import public_line
from support import ssh_scripted as raw
from support.ssh import account
from support.ssh_house import TARGET, Agent, SshHouse, ssh_house
from support.ssh_scripted import Ended, Raw, read_text, text, u32

ODD = "odd"
POLICIES = [
    {
        "name": "operators",
        "groups": ["operators"],
        "targets": [TARGET, ODD],
        "actions": ["shell", "pty", "remote-forward localhost:8080", "agent-forwarding", "x11"],
        "ttl": "1h",
        "max_sessions": 500,
    }
]
GROWTH_BYTES = 48 * 1024 * 1024

Behaviour = Callable[[Raw], None]


class OddTarget:
    """Listens, and does with each connection what the test says."""

    def __init__(self) -> None:
        self.host_key = Ed25519PrivateKey.generate()
        self.behave: Behaviour = lambda _: None
        self.errors: list[BaseException] = []
        self.done = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with Raw(connection, self.host_key) as session:
            try:
                self.behave(session)
            except Ended:
                pass
            except BaseException as error:
                self.errors.append(error)
            finally:
                self.done.set()

    def close(self) -> None:
        # A close alone wakes nobody who waits in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)


def table_of(odd: OddTarget) -> dict[str, object]:
    return {
        "protocol": "ssh",
        "host": "127.0.0.1",
        "port": odd.port,
        "logins": [account()],
        "host_keys": [public_line(odd.host_key.public_key())],
    }


def secret_for(house: SshHouse, agent: Agent, target: str) -> str:
    minted = house.gateway.mint(agent.token(), target=target)
    assert minted.status_code == 201, minted.text
    return str(minted.json()["secret"])


@pytest.fixture(scope="module")
def odd() -> Iterator[OddTarget]:
    target = OddTarget()
    yield target
    target.close()


@pytest.fixture(scope="module")
def house(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory, odd: OddTarget
) -> Iterator[SshHouse]:
    settings = {"targets": {ODD: table_of(odd)}}
    with ssh_house(pg, issuer, tmp_path_factory.mktemp("odd"), POLICIES, settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def secrets(house: SshHouse) -> dict[str, str]:
    agent = house.agent("secretive", "operators")
    return {target: secret_for(house, agent, target) for target in (TARGET, ODD)}


@pytest.fixture(scope="module")
def bystander(house: SshHouse, secrets: dict[str, str]) -> Iterator[Raw]:
    with Raw.connect(house.port).log_in(TARGET, secrets[TARGET]) as session:
        yield session


@pytest.fixture(autouse=True)
def nobody_else_notices(house: SshHouse, bystander: Raw, odd: OddTarget) -> Iterator[None]:
    odd.errors.clear()
    bystander.run("true")
    before = house.gateway.resident_bytes
    yield
    assert not odd.errors, odd.errors
    assert bystander.run("echo here") == b"here\n"
    assert house.gateway.resident_bytes - before < GROWTH_BYTES
    assert "panic" not in house.gateway.log.lower()


Told = Callable[[Behaviour], Ended]


@pytest.fixture
def told(house: SshHouse, secrets: dict[str, str], odd: OddTarget) -> Told:
    """What a principal is told whom such a target does not let in."""

    def tell(behave: Behaviour) -> Ended:
        odd.behave = behave
        with Raw.connect(house.port) as session, pytest.raises(Ended) as ended:
            session.log_in(ODD, secrets[ODD])
        assert ended.value.words, ended.value
        return ended.value

    return tell


@pytest.fixture
def inside(house: SshHouse, secrets: dict[str, str], odd: OddTarget) -> Iterator[Callable[[Behaviour], Raw]]:
    """A principal who is in; the target behaves after the login."""
    opened = []

    def enter(behave: Behaviour) -> Raw:
        def all_of_it(session: Raw) -> None:
            let_in(session)
            behave(session)

        odd.behave = all_of_it
        opened.append(Raw.connect(house.port).log_in(ODD, secrets[ODD]))
        return opened[-1]

    yield enter
    for session in opened:
        session.socket.close()


# A target's part, up to a step.


def serve_service(session: Raw) -> None:
    session.start()
    session.until(raw.SERVICE_REQUEST)
    session.send(raw.SERVICE_ACCEPT, text("ssh-userauth"))


def let_in(session: Raw) -> None:
    serve_service(session)
    session.until(raw.USERAUTH_REQUEST)
    session.send(raw.USERAUTH_SUCCESS)


def confirm(session: Raw) -> int:
    """A channel of the principal's is opened, and what it asks for is granted; its number."""
    number = int.from_bytes(read_after(session.until(raw.CHANNEL_OPEN)))
    session.send(raw.OPEN_CONFIRMATION, u32(number, 0, 1 << 21, 1 << 15))
    return number


def read_after(payload: bytes) -> bytes:
    """Of a CHANNEL_OPEN: the sender's number."""
    _, place = read_text(payload, 1)
    return payload[place : place + 4]


def grant_command(session: Raw) -> int:
    number = confirm(session)
    session.until(raw.CHANNEL_REQUEST)
    session.send(raw.CHANNEL_SUCCESS, u32(number))
    return number


def finish(session: Raw, number: int, shown: bytes = b"done") -> None:
    """An honest end of a command."""
    session.send(raw.CHANNEL_DATA, u32(number), text(shown))
    session.send(raw.CHANNEL_REQUEST, u32(number), text("exit-status"), b"\0", u32(0))
    session.send(raw.CHANNEL_EOF, u32(number))
    session.send(raw.CHANNEL_CLOSE, u32(number))
    session.until(raw.CHANNEL_CLOSE)


# Closing, saying goodbye, keeping silent: at each step.

STEPS: dict[str, Behaviour] = {
    "before its line": lambda session: None,
    "after its line": lambda session: session.identify(),
    "after KEXINIT": lambda session: (session.identify(), session.send(session.kexinit()))[0],
    "after new keys": lambda session: (session.start(), None)[1],
    "at the service": lambda session: (session.start(), session.until(raw.SERVICE_REQUEST), None)[2],
    "after the service": serve_service,
    "at the login": lambda session: (serve_service(session), session.until(raw.USERAUTH_REQUEST), None)[2],
}


@pytest.mark.parametrize("step", STEPS)
def test_it_closes(told: Told, step: str) -> None:
    ended = told(STEPS[step])
    assert "target" in ended.words


@pytest.mark.parametrize("step", [step for step in STEPS if step != "before its line"])
def test_it_says_goodbye_with_words(told: Told, step: str) -> None:
    def behave(session: Raw) -> None:
        STEPS[step](session)
        session.send(raw.DISCONNECT, u32(12), text("Too many \x1b[2J logins here"), text(""))
        session.ending()

    ended = told(behave)
    assert "Too many" in ended.words
    assert "logins here" in ended.words
    assert "\x1b" not in ended.words


@pytest.mark.xfail(strict=True, reason="lines before the target's identification are thrown away")
def test_it_says_lines_before_its_identification(told: Told) -> None:
    def behave(session: Raw) -> None:
        session.write(b"Not allowed at this time\r\n")

    assert "Not allowed at this time" in told(behave).words


def test_lines_without_end_before_its_identification(told: Told) -> None:
    def lines(session: Raw) -> None:
        for _ in range(100_000):
            session.write(b"x" * 500 + b"\r\n")

    def one(session: Raw) -> None:
        for _ in range(1000):
            session.write(b"x" * 65536)

    told(lines)
    told(one)


def test_another_host_key(told: Told) -> None:
    def behave(session: Raw) -> None:
        session.host_key = Ed25519PrivateKey.generate()
        session.start()
        session.ending()

    ended = told(behave)
    assert "host key" in ended.words


def test_a_signature_of_another_host_key(told: Told) -> None:
    """The right key is shown, and another one signs."""

    class Liar:
        def __init__(self, right: Ed25519PrivateKey) -> None:
            self.public_key = right.public_key
            self.sign = Ed25519PrivateKey.generate().sign

    def behave(session: Raw) -> None:
        assert session.host_key is not None
        session.host_key = Liar(session.host_key)  # type: ignore[assignment]
        session.start()
        session.ending()

    told(behave)


@pytest.mark.parametrize("number", [*range(80, 83), *range(90, 101), 50, 53, 60, 61, 5, 20, 30])
def test_packets_before_their_time(told: Told, number: int) -> None:
    def behave(session: Raw) -> None:
        session.start()
        session.send(number, bytes(40))
        session.ending()

    told(behave)


def test_lengths_that_no_packet_has(told: Told) -> None:
    for length in (0xFFFFFFFF, 35_001, 0):

        def behave(session: Raw, length: int = length) -> None:
            session.identify()
            session.write(u32(length) + bytes(64))
            session.ending()

        told(behave)


def test_it_says_success_before_it_was_asked(told: Told) -> None:
    def behave(session: Raw) -> None:
        session.start()
        session.send(raw.USERAUTH_SUCCESS)
        session.ending()

    told(behave)


def test_it_asks_the_gateway_for_more(told: Told) -> None:
    prompt = (text("What"), text("is"), text("it"), u32(1), text("Password: "), b"\1")
    answers: list[tuple[bytes, ...]] = [
        (bytes([raw.USERAUTH_FAILURE]), text("password"), b"\0"),
        (bytes([raw.USERAUTH_FAILURE]), text("publickey"), b"\1"),
        (bytes([raw.USERAUTH_INFO_REQUEST]), *prompt),
        (bytes([raw.USERAUTH_INFO_REQUEST]), b"\xff" * 30),
    ]
    for answer in answers:

        def behave(session: Raw, answer: tuple[bytes, ...] = answer) -> None:
            serve_service(session)
            session.until(raw.USERAUTH_REQUEST)
            session.send(*answer)
            session.ending()

        told(behave)


def test_a_banner_is_shown(house: SshHouse, secrets: dict[str, str], odd: OddTarget) -> None:
    def behave(session: Raw) -> None:
        serve_service(session)
        session.until(raw.USERAUTH_REQUEST)
        session.send(raw.USERAUTH_BANNER, text("Maintenance at \x1b]0;noon\r\n"), text(""))
        session.send(raw.USERAUTH_SUCCESS)
        session.ending()

    odd.behave = behave
    with Raw.connect(house.port).log_in(ODD, secrets[ODD]) as session:
        assert "Maintenance at" in session.banners[0]


# After the login.


def test_channels_that_nobody_asked_for(inside: Callable[[Behaviour], Raw]) -> None:
    refused = []

    def behave(session: Raw) -> None:
        number = grant_command(session)
        address = text("127.0.0.1") + u32(1)
        for kind, extra in (
            ("x11", address),
            ("auth-agent@openssh.com", b""),
            ("agent-connect", b""),
            ("forwarded-tcpip", address + address),
            ("forwarded-streamlocal@openssh.com", text("/x") + text("")),
            ("session", b""),
            ("direct-tcpip", address + address),
            ("tun@openssh.com", u32(1, 1)),
        ):
            session.open(kind, number=9, extra=extra)
            answer = session.until(raw.OPEN_FAILURE, raw.OPEN_CONFIRMATION)
            refused.append(answer[0] == raw.OPEN_FAILURE)
        finish(session, number)

    session = inside(behave)
    assert session.run("anything") == b"done"
    assert refused == [True] * 8


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("exec", text("id")),
        ("shell", b""),
        ("pty-req", text("xterm") + u32(80, 24, 0, 0) + text(b"")),
        ("env", text("LD_PRELOAD") + text("x")),
        ("subsystem", text("sftp")),
        ("x11-req", b"\0" + text("MIT-MAGIC-COOKIE-1") + text("00") + u32(0)),
        ("auth-agent-req@openssh.com", b""),
        ("window-change", u32(1, 1, 1, 1)),
        ("signal", text("KILL")),
        ("nonsense@example.com", bytes(20_000)),
    ],
)
def test_requests_that_a_target_does_not_make(
    inside: Callable[[Behaviour], Raw], kind: str, fields: bytes
) -> None:
    """They are refused, and the client doesn't see them; or the session ends with words."""
    answers = []

    def behave(session: Raw) -> None:
        number = grant_command(session)
        session.request(number, kind, fields)
        answers.append(session.until(raw.CHANNEL_SUCCESS, raw.CHANNEL_FAILURE)[0])
        finish(session, number)

    session = inside(behave)
    channel = session.opened()
    session.request(channel, "exec", text("anything"))
    seen: list[bytes] = []
    words = "target"
    try:
        while (payload := session.packet())[0] != raw.CHANNEL_CLOSE:
            if payload[0] == raw.CHANNEL_REQUEST:
                seen.append(read_text(payload, 5)[0])
        session.send(raw.CHANNEL_CLOSE, u32(channel))
    except Ended as ended:
        words = ended.words
    assert "target" in words
    assert raw.CHANNEL_SUCCESS not in answers
    assert kind.encode() not in seen


def test_requests_for_the_whole_connection(inside: Callable[[Behaviour], Raw]) -> None:
    def behave(session: Raw) -> None:
        number = grant_command(session)
        for kind in (
            "tcpip-forward",
            "keepalive@openssh.com",
            "hostkeys-00@openssh.com",
            "hostkeys-prove-00@openssh.com",
        ):
            fields = text("127.0.0.1") + u32(22) if kind == "tcpip-forward" else b""
            session.send(raw.GLOBAL_REQUEST, text(kind), b"\1", fields)
            session.until(raw.REQUEST_FAILURE, raw.REQUEST_SUCCESS)
        finish(session, number)

    session = inside(behave)
    channel = session.opened()
    session.request(channel, "exec", text("anything"))
    kinds = set()
    while (payload := session.packet())[0] != raw.CHANNEL_CLOSE:
        kinds.add(payload[0])
    assert raw.GLOBAL_REQUEST not in kinds


CAME = text("192.0.2.1") + u32(4711)
LISTEN = (raw.GLOBAL_REQUEST, text("tcpip-forward"), b"\1", text("localhost"), u32(8080))
UNLISTEN = (raw.GLOBAL_REQUEST, text("cancel-tcpip-forward"), b"\0", text("localhost"), u32(8080))
AT_THE_PLACE = ("forwarded-tcpip", text("localhost") + u32(8080) + CAME)
UNASKED: dict[str, tuple[str, bytes]] = {
    "who came to the place": AT_THE_PLACE,
    "who came to another port": ("forwarded-tcpip", text("localhost") + u32(8081) + CAME),
    "who came to another address": ("forwarded-tcpip", text("127.0.0.1") + u32(8080) + CAME),
    "who came to every address": ("forwarded-tcpip", text("") + u32(8080) + CAME),
    "who came to a name of 64 KiB": ("forwarded-tcpip", text(b"x" * 65_536) + u32(8080) + CAME),
    "who came to a socket": ("forwarded-streamlocal@openssh.com", text("localhost:8080") + text("")),
    "the agent": ("auth-agent@openssh.com", b""),
    "the agent by its new name": ("agent-connect", b""),
    "the screen": ("x11", CAME),
    "a name of 64 KiB": ("x" * 65_536, b""),
}


def refused_opens(session: Raw, *kinds: str) -> None:
    """Each of them is answered by a failure."""
    for number, kind in enumerate(kinds):
        session.open(UNASKED[kind][0], 50 + number, extra=UNASKED[kind][1])
        session.until(raw.OPEN_FAILURE)


@pytest.mark.parametrize("asked", ["nothing", "a place", "a place that was cancelled"])
def test_channels_into_the_client_s_network(inside: Callable[[Behaviour], Raw], asked: str) -> None:
    """The grant has words for all of these; what was asked for decides."""

    def behave(session: Raw) -> None:
        if asked != "nothing":
            session.until(raw.GLOBAL_REQUEST)
            session.send(raw.REQUEST_SUCCESS)
        if asked == "a place that was cancelled":
            session.until(raw.GLOBAL_REQUEST)
        number = grant_command(session)
        others = [kind for kind in UNASKED if kind != "who came to the place" or asked != "a place"]
        refused_opens(session, *others)
        finish(session, number)

    session = inside(behave)
    if asked != "nothing":
        session.send(*LISTEN)
        session.until(raw.REQUEST_SUCCESS)
    if asked == "a place that was cancelled":
        session.send(*UNLISTEN)
    channel = session.opened()
    session.request(channel, "exec", text("anything"))
    kinds = set()
    while (payload := session.packet())[0] != raw.CHANNEL_CLOSE:
        kinds.add(payload[0])
    assert raw.CHANNEL_OPEN not in kinds


def test_who_came_to_the_place_is_let_through(inside: Callable[[Behaviour], Raw]) -> None:
    """So that it is by what was asked for that the others are not."""

    def behave(session: Raw) -> None:
        session.until(raw.GLOBAL_REQUEST)
        session.send(raw.REQUEST_SUCCESS)
        session.open(AT_THE_PLACE[0], 50, extra=AT_THE_PLACE[1])
        session.until(raw.OPEN_CONFIRMATION)
        session.send(raw.CHANNEL_DATA, u32(9), text("hello"))
        session.ending()

    session = inside(behave)
    session.send(*LISTEN)
    session.until(raw.CHANNEL_OPEN)
    session.send(raw.OPEN_CONFIRMATION, u32(50, 9, 1 << 20, 1 << 15))
    assert session.until(raw.CHANNEL_DATA).endswith(b"hello")


def test_a_flood_of_channels(inside: Callable[[Behaviour], Raw]) -> None:
    def behave(session: Raw) -> None:
        grant_command(session)
        while not session.is_gone():
            session.open("auth-agent@openssh.com", 5)

    session = inside(behave)
    channel = session.opened()
    session.request(channel, "exec", text("anything"))
    assert "10000 channels" in session.ending().words


@pytest.mark.parametrize(
    "parts",
    [
        (raw.REQUEST_SUCCESS,),
        (raw.REQUEST_FAILURE,),
        (raw.CHANNEL_SUCCESS, u32(0)),
        (raw.CHANNEL_FAILURE, u32(0)),
        (raw.OPEN_CONFIRMATION, u32(0, 5, 1, 1)),
        (raw.OPEN_FAILURE, u32(0, 1), text("x"), text("")),
        (raw.CHANNEL_DATA, u32(7), text("x")),
        (raw.EXTENDED_DATA, u32(0, 2), text("x")),
        (raw.WINDOW_ADJUST, u32(7, 1)),
        (raw.CHANNEL_CLOSE, u32(7)),
        (raw.USERAUTH_SUCCESS,),
        (raw.USERAUTH_REQUEST, text("x"), text("ssh-connection"), text("none")),
        (raw.SERVICE_ACCEPT, text("ssh-userauth")),
        (raw.CHANNEL_REQUEST, b"\xff" * 8),
        (raw.NEWKEYS,),
    ],
    ids=lambda parts: str(parts[0]),
)
def test_what_an_honest_target_does_not_say(
    inside: Callable[[Behaviour], Raw], parts: tuple[bytes | int, ...]
) -> None:
    def behave(session: Raw) -> None:
        grant_command(session)
        session.send(*parts)
        session.ending()

    session = inside(behave)
    channel = session.opened()
    session.request(channel, "exec", text("anything"))
    ended = session.ending()
    assert "target" in ended.words, ended


def test_it_ends_in_the_middle_of_a_session(inside: Callable[[Behaviour], Raw]) -> None:
    def at_open(session: Raw) -> None:
        session.until(raw.CHANNEL_OPEN)

    def at_command(session: Raw) -> None:
        confirm(session)
        session.until(raw.CHANNEL_REQUEST)

    def in_output(session: Raw) -> None:
        number = grant_command(session)
        session.send(raw.CHANNEL_DATA, u32(number), text(bytes(30_000)))

    def in_a_packet(session: Raw) -> None:
        number = grant_command(session)
        session.write(session.sealed(bytes([raw.CHANNEL_DATA]) + u32(number) + text(bytes(30_000)))[:5000])

    def in_new_keys(session: Raw) -> None:
        grant_command(session)
        session.send(session.kexinit())
        session.until(raw.KEXINIT)

    for behave in (lambda _: None, at_open):
        session = inside(behave)
        session.open()
        assert "target" in session.ending().words
    for behave in (at_command, in_output, in_a_packet, in_new_keys):
        session = inside(behave)
        channel = session.opened()
        session.request(channel, "exec", text("anything"))
        assert "target" in session.ending().words


def test_its_last_words_are_shown(inside: Callable[[Behaviour], Raw]) -> None:
    def behave(session: Raw) -> None:
        grant_command(session)
        session.send(raw.DISCONNECT, u32(11), text("going down for maintenance"), text(""))
        session.ending()

    session = inside(behave)
    channel = session.opened()
    session.request(channel, "exec", text("anything"))
    assert "going down for maintenance" in session.ending().words


def test_new_keys_without_end_from_a_target(inside: Callable[[Behaviour], Raw]) -> None:
    def behave(session: Raw) -> None:
        number = grant_command(session)
        for _ in range(100):
            session.exchange()
        finish(session, number)

    assert inside(behave).run("anything") == b"done"


# Only the deadline ends these: a house in which it comes soon, and in which nobody is let in.


@pytest.fixture(scope="module")
def brief(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory, odd: OddTarget
) -> Iterator[SshHouse]:
    settings = {"targets": {ODD: table_of(odd)}, "limits": {"upstream_login": "1s"}}
    with ssh_house(pg, issuer, tmp_path_factory.mktemp("brief"), POLICIES, settings=settings) as running:
        yield running


@pytest.fixture
def told_late(brief: SshHouse, odd: OddTarget, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The same as `told`, there."""
    secret = secret_for(brief, brief.agent(tmp_path_factory.mktemp("patient").name, "operators"), ODD)

    def tell(behave: Behaviour) -> Ended:
        odd.behave = behave
        with Raw.connect(brief.port) as session, pytest.raises(Ended) as ended:
            session.log_in(ODD, secret)
        assert "target" in ended.value.words
        assert "in time" in ended.value.words
        return ended.value

    return tell


@pytest.mark.parametrize("step", STEPS)
def test_what_never_answers_is_given_up(told_late: Told, step: str) -> None:
    def behave(session: Raw) -> None:
        STEPS[step](session)
        while session.socket.recv(1 << 16):
            pass

    told_late(behave)


@pytest.mark.parametrize("number", [raw.IGNORE, raw.DEBUG, 255, raw.USERAUTH_BANNER])
def test_floods_before_the_login(brief: SshHouse, told_late: Told, number: int) -> None:
    """Nothing but this, without end."""
    content = text(bytes(1000)) if number != raw.DEBUG else b"\0" + text(bytes(1000)) + text("")
    content += text("") if number == raw.USERAUTH_BANNER else b""

    def behave(session: Raw) -> None:
        serve_service(session)
        session.until(raw.USERAUTH_REQUEST)
        while not session.is_gone():
            session.send(number, content)

    before = brief.gateway.resident_bytes
    told_late(behave)
    assert brief.gateway.resident_bytes - before < GROWTH_BYTES
