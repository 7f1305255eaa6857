"""H19: one party that accepts and is silent made everybody wait: logins at healthy targets, other issuers'.

Each test fills whatever the silent one may take, and more, and then lets somebody else through. Nothing is
measured: on the way of before, the other one waits for ever.
"""

from typing import Any

import msgspec
import pytest
import trio

from hoopwire.model.commands import Lease
from hoopwire.model.settings import PostgresTarget, Settings
from hoopwire.model.units import Seconds

MANY = 100
"""More than any limit that was shared: 8 threads for roles, 40 of trio, 64 admissions."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A login waits for longer than a test lives: nobody is let in because others gave up."""
    limits = msgspec.structs.replace(settings.limits, admission=Seconds(600))
    return msgspec.structs.replace(settings, limits=limits)


@pytest.fixture
async def busy(house: Any) -> Any:
    """A gateway whose target `billing` is silent when it lends, and whose issuer of tokens `S...` is."""
    lend, verify = house.lend, house.tokens.verify
    house.waiting = 0
    never = trio.Event()

    async def lend_or_hang(target: PostgresTarget, database: str) -> Lease:
        if database == "billing":
            house.waiting += 1
            await never.wait()
        return await lend(target, database)

    async def verify_or_hang(token: str, *, channel: str) -> Any:
        if token.startswith("S"):
            house.waiting += 1
            await never.wait()
        return await verify(token, channel=channel)

    house.parts.lend = lend_or_hang
    house.tokens.verify = verify_or_hang
    yield house
    never.set()


async def test_a_target_that_lends_nothing(busy):
    """By a name that is not resolved, a secret's program that hangs, a role that is never made."""
    for number in range(MANY):
        token = busy.token(f"B{number}", groups=("books",))
        busy.engine.connect(token, session=f"b_{number}", database="billing")
    await busy.settle(lambda: busy.waiting >= 64, seconds=20)
    await busy.connect(busy.token("T1"), "s_1")
    assert "s_1" in busy.engine.admitted


async def test_an_issuer_that_says_nothing(busy):
    """Its logins wait for its keys; those of another issuer do not."""
    for number in range(MANY):
        busy.engine.connect(f"S{number}", session=f"i_{number}")
    await busy.settle(lambda: busy.waiting == MANY, seconds=20)
    await busy.connect(busy.token("T1"), "s_1")
    assert "s_1" in busy.engine.admitted


async def test_a_role_that_waits_for_its_target(busy):
    """The keeper of the roles: one drop that hangs, and the other grants' roles are dropped."""
    dropped, hanging = [], trio.Event()

    async def drop(grant: str) -> list[str]:
        if grant == "g_silent":
            hanging.set()
            await trio.sleep_forever()
        dropped.append(grant)
        busy.desk.left_over.discard(grant)
        return [grant]

    busy.desk.drop = drop
    busy.desk.grants = lambda: {"g_silent", *busy.desk.left_over}
    busy.desk.left_over = {"g_a", "g_z"}
    with trio.fail_after(60):
        await hanging.wait()
    await busy.settle(lambda: sorted(dropped) == ["g_a", "g_z"], seconds=20)
