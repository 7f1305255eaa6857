"""Every route of the operators' API, asked for what it can answer: the answers are those of answers.txt.

Ids are random and the gateway's folder is the test's: the file has numbers and a word for them. A quarter of
a second passes with each request, so that what is sorted by id has one order.
"""

import re
from pathlib import Path

import httpx
import pytest
from tests.unit.control.test_keeping import held, no_journal

from hoopwire import __version__
from support.snapshot import assert_same

AGENT = "cid:0oaAgent"
NOW = 1_900_000_000.0
HEADERS = ("content-type", "cache-control", "allow")


class Talk:
    """Requests and their answers, as they were said."""

    def __init__(self, house):
        self.house = house
        self.said = []
        self.ids = {}

    async def ask(self, method, path, content=None, **params):
        """One request, with a body of JSON text."""
        self.house.wall.pass_time(0.25)
        transport = httpx.AsyncHTTPTransport(uds=self.house.running.admin_socket)
        async with httpx.AsyncClient(transport=transport, base_url="http://admin", timeout=60) as admin:
            answer = await admin.request(method, path, content=content, params=params or None)
        query = "".join(f"?{name}={value}" for name, value in params.items())
        self.said.append(f"{method} {path}{query}{'' if content is None else ' ' + content[:200]}")
        headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
        if "allow" in headers:  # of a set: in any order
            headers["allow"] = ", ".join(sorted(headers["allow"].split(", ")))
        shown = ", ".join(f"{name}: {value}" for name, value in headers.items())
        self.said.append(f"{answer.status_code} {shown}")
        self.said.append(answer.text + "\n")

    def text(self):
        """All of it, the same in each run."""
        text = "\n".join(self.said).replace(f'"version":"{__version__}"', '"version":"VERSION"')
        text = text.replace(str(self.house.state.parent), "FOLDER")
        return re.sub(r"\b([gl])_[0-9A-Z]{26}\b", self._number, text)

    def _number(self, found):
        return self.ids.setdefault(found[0], f"{found[1]}_{len(self.ids) + 1}")


@pytest.fixture
async def talk(make_house, start):
    house = make_house()
    house.wall.now = NOW
    async with start(house) as house:
        yield Talk(house)


async def live(talk, token, session, **fields):
    house = talk.house
    house.wall.pass_time(0.25)
    await house.connect(house.token(token, **fields), session)
    return house.engine.admitted[session][0].id


async def test_each_route_answers_as_it_did(talk, monkeypatch):
    house = talk.house
    first = await live(talk, "T1", "s_1")
    second = await live(talk, "T2", "s_2", cid="0oaOther")
    await talk.ask("GET", "/v1/grants")
    await talk.ask("GET", "/v1/grants", state="active")
    await talk.ask("GET", "/v1/grants", state="expired")
    await talk.ask("GET", "/v1/grants", state="dead")
    await talk.ask("GET", f"/v1/grants/{first}")
    await talk.ask("GET", "/v1/grants/g_nope")
    await talk.ask("POST", "/v1/grants")
    await talk.ask("GET", "/v1/sessions")
    await talk.ask("GET", "/v1/statistics")
    await talk.ask("POST", "/v1/reload")
    good, house.settings = house.settings, ValueError("bad file")
    await talk.ask("POST", "/v1/reload")
    house.settings = good
    await talk.ask("GET", "/nowhere")

    await talk.ask("POST", "/v1/sessions/s_1/end", '{"reason":"lunch","operator":"eve"}')
    await talk.ask("POST", "/v1/sessions/s_nope/end")
    await talk.ask("POST", "/v1/sessions/end", '{"sessions":["s_2","s_nope","s_2"]}')
    await talk.ask("POST", "/v1/sessions/end")
    await talk.ask("POST", "/v1/sessions/end", '{"session":["s_2"]}')
    await talk.ask("POST", "/v1/sessions/end", "[" * 60_000)
    await talk.ask("POST", "/v1/sessions/end", " " * 70_000)

    await live(talk, "T1", "s_3")
    await talk.ask("POST", f"/v1/grants/{first}/revoke", '{"reason":"over","operator":"eve"}')
    await talk.ask("POST", f"/v1/grants/{first}/revoke")
    await talk.ask("POST", "/v1/grants/g_nope/revoke")
    await live(talk, "T2", "s_4", cid="0oaOther")
    asked = f'{{"grants":["{second}","g_nope"],"reason":"leaked","operator":"eve","lock":true,"for_s":60}}'
    await talk.ask("POST", "/v1/grants/revoke", asked)
    await talk.ask("POST", "/v1/grants/revoke")
    await talk.ask("POST", "/v1/grants/revoke", '{"grants":["g_1"],"operator":"no spaces"}')
    await talk.ask("GET", "/v1/principals/locks")

    await live(talk, "T3", "s_5")
    asked = f'{{"principal":"{AGENT}","issuer":"okta","reason":"r","operator":"eve","for_s":60}}'
    await talk.ask("POST", "/v1/principals/lock", asked)
    await talk.ask("POST", "/v1/principals/lock", '{"principal":"cid:0OAAGENT","reason":"all of them"}')
    await talk.ask("POST", "/v1/principals/lock", '{"principal":"cid:nobody"}')
    await talk.ask("POST", "/v1/principals/lock", '{"principal":"nobody"}')
    await talk.ask("POST", "/v1/principals/lock", '{"principal":"cid:x","issuer":"mars"}')
    await talk.ask("POST", "/v1/principals/lock", '{"reason":"x"}')
    await talk.ask("POST", "/v1/principals/lock", '{"principal":"cid:x","for_s":0}')
    await talk.ask("POST", "/v1/principals/unlock", '{"principal":"nobody"}')
    await talk.ask("POST", "/v1/principals/unlock", '{"principal":"cid:x","issuer":"mars"}')
    await talk.ask("POST", "/v1/principals/unlock", '{"principal":"cid:never"}')
    await talk.ask("POST", "/v1/principals/unlock", '{"principal":"cid:nobody","issuer":"okta"}')
    await talk.ask("GET", "/v1/principals/locks")
    asked = '{"principal":"cid:nobody","reason":"found","operator":"joe"}'
    await talk.ask("POST", "/v1/principals/unlock", asked)
    await talk.ask("POST", "/v1/principals/unlock", f'{{"principal":"{AGENT}"}}')
    await talk.ask("GET", "/v1/principals/locks")
    await talk.ask("GET", "/v1/principals/locks", all="1")

    third = await live(talk, "T4", "s_6")
    with held(house):
        await talk.ask("POST", f"/v1/grants/{third}/revoke", '{"reason":"while the store is held"}')
        await talk.ask("GET", "/v1/grants", state="revoked")
        await talk.ask("GET", "/v1/statistics")
        await talk.ask("POST", "/v1/principals/lock", '{"principal":"cid:held"}')
        with no_journal(house, monkeypatch):
            await talk.ask("POST", "/v1/principals/unlock", '{"principal":"cid:held"}')
    await house.settle(lambda: not house.parts.health.causes() and not house.parts.keeping)
    await talk.ask("GET", "/v1/status")
    assert_same(Path(__file__).with_name("answers.txt"), talk.text())


async def test_a_store_that_fails_is_said(talk, monkeypatch):
    from hoopwire.store import StoreUnavailable

    async def broken(*_, **__):
        raise StoreUnavailable("disk I/O error")

    for name in ("grants", "grant", "locks", "spellings"):
        monkeypatch.setattr(talk.house.parts.store, name, broken)
    await talk.ask("GET", "/v1/grants")
    await talk.ask("GET", "/v1/grants/g_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    await talk.ask("POST", "/v1/grants/g_01ARZ3NDEKTSV4RRFFQ69G5FAV/revoke")
    await talk.ask("GET", "/v1/principals/locks", all="1")
    await talk.ask("POST", "/v1/principals/lock", '{"principal":"cid:0oaAgent"}')
    monkeypatch.undo()
    assert_same(Path(__file__).with_name("answers_without_store.txt"), talk.text())
