"""People log in to ssh with a browser: stock ssh on a terminal, the dev issuer's page, limits, abuse."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import asyncssh
import httpx
import pytest

from hoopwire.control.device_login import AT_ONCE_OF_ADDRESS, EVERY_S_OF_ADDRESS
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.ssh_browser import asked
from support.ssh_house import TARGET, SshHouse, ssh_house
from support.ssh_logins import Offer, log_in
from support.wait import wait_for, wait_for_audit

CLIENT = "0oaGatewayItself"
POLICIES = [
    {
        "name": "people",
        "groups": ["people"],
        "targets": [TARGET],
        "actions": ["shell", "pty"],
        "ttl": "15m",
    },
]


@pytest.fixture(scope="module")
def house(pg: ThrowAwayPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHouse]:
    with DevIssuer.run_in_thread(audience="hoopwire-dev") as issuer:
        issuer.client(CLIENT, "", scopes=["database", "openid"])
        issuer.person("ada", ["people"])
        issuer.person("bob", ["others"])
        issuer.person("robot", ["people"], uid="")
        settings = {
            "issuers": {"dev": {"device": {"client_id": CLIENT, "scopes": ["database"], "wait": "60s"}}},
            "limits": {"unadmitted_per_address": 300},
        }
        folder = tmp_path_factory.mktemp("ssh")
        with ssh_house(pg, issuer, folder, POLICIES, settings=settings) as running:
            yield running


def browse(house: SshHouse, shown: str, code: str, person: str) -> None:
    """Open the page that the prompt names, and press a button there."""
    page = re.search(r"open (http\S+)", shown)
    assert page is not None, shown
    with httpx.Client(trust_env=False) as client:
        assert code in client.get(page[1]).text
        answer = client.post(page[1], data={"user_code": code, "person": person})
    assert answer.status_code == 200, answer.text


def test_a_person_confirms_in_the_browser_and_is_in(house: SshHouse) -> None:
    with asked(house, "echo", "he''llo; id -un") as (terminal, shown, code):
        where = f"{house.issuer.issuer.partition('/oauth2')[0]}/activate?user_code={code}"
        assert f"To log in to {TARGET}, open {where} in a browser and confirm the code {code}." in shown
        browse(house, shown, code, "ada")
        terminal.type(b"\r")
        rest = terminal.rest().decode()
        assert terminal.code() == 0, rest
        assert f"hello\r\n{house.account}" in rest
    minted = wait_for_audit(house.gateway, "grant.minted", channel="ssh")
    assert minted["principal"] == "ada@example.com"
    assert minted["peer"].startswith("127.0.0.1:")
    started = wait_for_audit(house.gateway, "session.started", grant=minted["grant"])
    text = house.gateway.hoopwire("recordings", "show", started["session"]).out
    assert "ada@example.com" in text


def test_enter_before_the_code_is_confirmed_waits_for_it(house: SshHouse) -> None:
    with asked(house, "true") as (terminal, shown, code):
        before = house.issuer.devices.polls
        terminal.type(b"\r")
        wait_for(lambda: house.issuer.devices.polls >= before + 2, "two polls")
        browse(house, shown, code, "ada")
        terminal.rest()
        assert terminal.code() == 0


def test_enter_a_thousand_times_is_one_answer(house: SshHouse) -> None:
    with asked(house, "true") as (terminal, shown, code):
        begun = house.issuer.devices.begun
        terminal.type(b"\r" * 1000)
        browse(house, shown, code, "ada")
        terminal.rest()
        assert terminal.code() == 0
        assert house.issuer.devices.begun == begun


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ("", "the login was refused in the browser"),
        ("bob", "not granted"),
        ("robot", "only people log in with a browser"),
    ],
)
def test_who_is_not_let_in_hears_why(house: SshHouse, person: str, words: str) -> None:
    with asked(house, "true") as (terminal, shown, code):
        browse(house, shown, code, person)
        terminal.type(b"\r")
        rest = terminal.rest().decode()
        assert terminal.code() == 255
        assert words in rest, rest
    denied = wait_for_audit(house.gateway, "session.denied", channel="ssh")
    assert denied["peer"].startswith("127.0.0.1:")


def test_who_confirms_the_code_of_another_is_who_the_session_is(house: SshHouse) -> None:
    """What phishing by device codes gives, and no more: the rights of whoever confirms, by name."""
    with asked(house, "true") as (terminal, shown, code), asked(house, "true") as (other, page, mine):
        assert code != mine
        browse(house, shown, code, "ada")
        browse(house, page, mine, "bob")
        other.type(b"\r")
        assert "not granted" in other.rest().decode()
        assert other.code() == 255
        terminal.type(b"\r")
        terminal.rest()
        assert terminal.code() == 0


def test_a_grant_secret_at_the_same_prompt(house: SshHouse) -> None:
    agent = house.issuer.client(groups=["people"], ttl_s=3600).cid
    minted = house.gateway.mint(house.issuer.token(agent), target=TARGET)
    assert minted.status_code == 201, minted.text
    polls = house.issuer.devices.polls
    with asked(house, "true") as (terminal, *_):
        terminal.type(minted.json()["secret"].encode() + b"\r")
        rest = terminal.rest()
        assert terminal.code() == 0, rest
    assert house.issuer.devices.polls == polls
    with asked(house, "true") as (terminal, *_):
        terminal.type(b"hw1_nothing\r")
        assert b"the grant secret was not accepted" in terminal.rest()
        assert terminal.code() == 255


class _Person(asyncssh.SSHClient):
    """Reads the prompt as a client shows it, and goes to the page."""

    def __init__(self, house: SshHouse) -> None:
        self._house = house
        self.said: tuple[str, str, list[tuple[str, bool]]] = ("", "", [])

    def kbdint_auth_requested(self) -> str:
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: list[tuple[str, bool]]
    ) -> list[str]:
        self.said = (name, instructions, prompts)
        found = re.search(r"confirm the code ([A-Z-]+)\.", instructions)
        if found is not None:
            await asyncio.to_thread(browse, self._house, instructions, found[1], "ada")
        return [""]


def test_another_client_shows_the_same_words(house: SshHouse) -> None:
    """asyncssh's own keyboard-interactive: instruction and question come apart."""

    async def log_in() -> tuple[str, str, list[tuple[str, bool]]] | None:
        person = _Person(house)
        try:
            connection, _ = await asyncssh.create_connection(
                lambda: person,
                "127.0.0.1",
                house.port,
                username=TARGET,
                config=None,
                known_hosts=None,
                agent_path=None,
                client_keys=None,
            )
        except asyncssh.Error as error:
            if "too many logins" not in str(error):
                raise
            return None
        connection.abort()
        return person.said

    said = wait_for(lambda: asyncio.run(log_in()), "a login by asyncssh", timeout_s=300.0)
    assert said is not None
    assert said[0] == "hoopwire"
    assert said[1].startswith(f"To log in to {TARGET}, open http://127.0.0.1:")
    assert said[2] == [("Then press Enter (or paste a grant secret): ", False)]


@pytest.mark.parametrize("answer", [["", ""], [], ["x"] * 32])
def test_another_count_of_responses(house: SshHouse, answer: list[str]) -> None:
    assert "one prompt, and not one response" in log_in(house, Offer(answers=[answer]))


class _Vanishing(asyncssh.SSHClient):
    """Goes away as soon as it is asked, or has pressed Enter."""

    def __init__(self, *, presses: bool) -> None:
        self._presses = presses
        self.gone = asyncio.Event()
        self._connection: Any = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()

    def kbdint_auth_requested(self) -> str:
        return ""

    def kbdint_challenge_received(self, *_: Any) -> list[str]:
        loop = asyncio.get_running_loop()
        (loop.call_soon if self._presses else lambda act: act())(self._connection.abort)
        return [""]


def vanish(house: SshHouse, count: int, *, presses: bool = False) -> None:
    async def one() -> None:
        client = _Vanishing(presses=presses)
        with suppress(asyncssh.Error, OSError):
            await asyncssh.create_connection(
                lambda: client,
                "127.0.0.1",
                house.port,
                username=TARGET,
                config=None,
                known_hosts=None,
                agent_path=None,
                client_keys=None,
            )
        await client.gone.wait()

    async def all_of_them() -> None:
        for _ in range(0, count, 20):
            await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(all_of_them())


@pytest.mark.parametrize("presses", [False, True])
def test_two_hundred_that_ask_and_vanish(house: SshHouse, presses: bool) -> None:
    """They get a few codes of the issuer, no polls in vain, and others are let in after them."""
    began, begun, polls = time.monotonic(), house.issuer.devices.begun, house.issuer.devices.polls
    vanish(house, 200, presses=presses)
    codes = house.issuer.devices.begun - begun
    assert codes <= AT_ONCE_OF_ADDRESS + (time.monotonic() - began) / EVERY_S_OF_ADDRESS + 1
    with asked(house, "true") as (terminal, shown, code):
        # each may have polled once; nobody does for those that are gone
        assert house.issuer.devices.polls - polls <= (codes if presses else 0)
        browse(house, shown, code, "ada")
        terminal.type(b"\r")
        terminal.rest()
        assert terminal.code() == 0


def test_no_secret_of_it_is_anywhere(house: SshHouse) -> None:
    token: list[str] = []
    device = house.issuer.devices
    usual = device._token
    device._token = lambda *said: token.append(usual(*said)) or token[-1]  # type: ignore[func-returns-value]
    try:
        with asked(house, "true") as (terminal, shown, code):
            device_code = next(
                name for name, each in device._by_device.items() if device._by_user[code] is each
            )
            browse(house, shown, code, "ada")
            terminal.type(b"\r")
            terminal.rest()
            assert terminal.code() == 0
    finally:
        device._token = usual
    assert token
    wait_for_audit(house.gateway, "session.ended")
    kept = [path for path in house.gateway.directory.rglob("*") if path.is_file()]
    kept += [path for path in house.gateway.recordings.rglob("*") if path.is_file()]
    for secret in (token[0], token[0].split(".")[2], device_code):
        assert secret not in house.gateway.log
        assert not [path for path in kept if secret.encode() in path.read_bytes()]
