"""Policies of thousands of rules hold nobody up: R22 and what is of its kind."""

import threading
import time
from pathlib import Path

import msgspec
import pytest
import trio

from hoopwire.access import AccessRequest, Offer, decide, footguns, regrant
from hoopwire.config import ConfigError, loads
from hoopwire.config.policies import MOST_NAMES
from hoopwire.control import revocation, turns
from hoopwire.control.minting import redeem_token
from hoopwire.control.parts import Denied
from hoopwire.model.postgres import coverage, grammar, patterns
from hoopwire.model.settings import PolicySettings

READ = '["read-only on public.* except public.secrets", "call app.report_totals"]'
EXAMPLE = (Path(__file__).parents[3] / "docs/example.toml").read_text()
replace = msgspec.structs.replace
MANY = 1_000
NOW = time.time()
SHAPES = {
    "relations": "select on a{0}.t{0}",
    "schemas": "select on a{0}.*",
    "prefixes": "select, insert on public.a{0}_*",
    "any schema": "select on *.a{0}_*",
    "functions": "call app.f{0}",
    "excepts": "select on a{0}.* except a{0}.s",
}


@pytest.fixture(autouse=True)
def cold():
    """What other tests have prepared does not count."""
    for kept in (coverage.held, coverage.covered, coverage.action_texts, coverage.denied):
        kept.cache_clear()


@pytest.fixture
def house_identity(make_house):
    """One that the policies here are for."""
    house = make_house()
    return house.tokens.known[house.token("T")]


def policy(shape: str = "relations", more: str = "", many: int = MANY) -> PolicySettings:
    texts = tuple(SHAPES[shape].format(number) + more for number in range(many))
    return PolicySettings(name="long", groups=("data",), targets=("orders/*",), actions=texts)


@pytest.fixture
def steps(monkeypatch):
    """How often two patterns were compared."""
    count = [0]
    contains = patterns.contains

    def counting(outer, inner):
        count[0] += 1
        return contains(outer, inner)

    monkeypatch.setattr(coverage, "contains", counting)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_a_login_goes_through_the_rules_once(shape, settings, house_identity, steps):
    """1,000 rules took 2 s for each login (R22): a square, three times."""
    settings = replace(settings, policies=(policy(shape),))
    offer = decide(house_identity, AccessRequest(target="orders"), settings, NOW, mint="implicit")
    assert isinstance(offer, Offer)
    grant = offer.grant("g_1")
    assert regrant(grant, settings, NOW) == grant
    assert steps[0] <= 10 * MANY


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "any schema"])
def test_so_does_a_grant_under_a_policy_that_changed(shape, settings, house_identity, steps):
    """At a reload each of 1,000 rules was compared with each of the new 1,000 (R22)."""
    grant = decide(
        house_identity,
        AccessRequest(target="orders"),
        replace(settings, policies=(policy(shape),)),
        NOW,
        mint="implicit",
    ).grant("g_1")
    more = ", a{0}.more" if shape == "excepts" else ", app.more"
    wider = () if shape == "excepts" else (policy(shape, more),)
    now = replace(settings, policies=wider or (policy(shape, many=MANY - 1),))
    regranted = regrant(grant, now, NOW)
    assert len(regranted.actions) == (MANY if wider else MANY - 1)
    assert steps[0] <= 10 * MANY


async def test_the_one_thread_reads_no_long_policy(settings, make_house, start, monkeypatch):
    """While a long policy was read, nobody else got in, and no revocation or expiry took place (R22)."""
    readers = []
    parser = grammar._Parser.__init__

    def reading(self, text):
        readers.append(threading.current_thread())
        parser(self, text)

    monkeypatch.setattr(grammar._Parser, "__init__", reading)
    house = make_house()
    house.settings = replace(settings, policies=(policy(),))
    async with start(house):
        await house.connect(house.token("T1"), "s_1")
        assert "s_1" in house.engine.admitted
        house.settings = replace(settings, policies=(policy(more=", app.more"),))
        await house.running.reload()
        assert house.parts.table.seat("s_1").phase == "live"
        await house.connect(house.token("T2"), "s_2")
        assert len(house.engine.admitted["s_2"][0].rights.rules.allow) == MANY
        house.settings = replace(settings, policies=(policy(many=MANY // 2),))
        await house.running.reload()
        assert len(house.parts.table.seat("s_1").grant.actions) == MANY // 2
    assert len(readers) > 2 * MANY
    assert threading.main_thread() not in readers


async def test_nor_a_long_request(house, monkeypatch):
    """An agent may ask for less, in 200 actions of many names: that is read in a thread, too (R22)."""
    readers = []
    parser = grammar._Parser.__init__

    def reading(self, text):
        readers.append(threading.current_thread())
        parser(self, text)

    monkeypatch.setattr(grammar._Parser, "__init__", reading)
    asked = tuple(f"select on a{number}.t" for number in range(200))
    request = AccessRequest(target="orders", actions=asked)
    token = house.token("T1")
    grant, _ = await redeem_token(house.parts, token, request, mint="explicit", channel="http", peer="")
    assert grant.actions == asked
    assert threading.main_thread() not in readers
    many = ", ".join(f"a.t{number}" for number in range(400))
    asked = (f"select on {many}", f"insert on {many}", f"update on {many}")
    request = AccessRequest(target="orders", actions=asked)
    with pytest.raises(Denied) as refused:
        await redeem_token(house.parts, token, request, mint="explicit", channel="http", peer="")
    assert "more than 1000 names" in refused.value.denial.message


async def test_a_reload_lets_others_have_their_turn(house, monkeypatch):
    """Thousands of grants were decided again at a stretch (R22)."""
    monkeypatch.setattr(turns, "_TURN_S", 0)
    for number in range(3):
        await house.connect(house.token(f"T{number}", cid=f"0oa{number}"), f"s_{number}")
    order = []

    async def other() -> None:
        while True:
            order.append("other")
            await trio.lowlevel.checkpoint()

    def decided(parts, grant, now):
        order.append("grant")
        return regrant(grant, parts.current.settings, now)

    monkeypatch.setattr(revocation, "_decided", decided)
    house.settings = replace(house.settings, policies=())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await house.running.reload()
        nursery.cancel_scope.cancel()
    assert set(house.engine.revoked) == {"s_0", "s_1", "s_2"}
    first, last = order.index("grant"), len(order) - order[::-1].index("grant")
    # Whose turn is first of a round's, trio draws.
    assert "other" in order[first:last]


def test_check_warns_of_a_long_policy_and_refuses_an_endless_one(settings):
    """`check` was silent (R22)."""
    [warning] = footguns(replace(settings, policies=(policy(many=1_001),)))
    assert "has 1001 names" in warning.warning
    assert not footguns(replace(settings, policies=(policy(),)))
    names = ", ".join(f'"select on a.t{number}"' for number in range(MOST_NAMES + 1))
    config = EXAMPLE.replace(READ, f"[{names}]")
    assert config != EXAMPLE
    with pytest.raises(ConfigError, match=f"at most {MOST_NAMES}: write patterns"):
        loads(config.encode(), "hoopwire.toml", files=False)
