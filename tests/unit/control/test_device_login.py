"""People who log in to ssh with a browser: time, limits, an issuer that fails; then the whole admission."""

import logging
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from hoopwire.control.device_login import (
    AT_ONCE,
    AT_ONCE_OF_ADDRESS,
    EVERY_S_OF_ADDRESS,
    LATER_S,
    PENDING,
    PENDING_OF_ADDRESS,
    DeviceLogins,
)
from hoopwire.control.parts import Denied
from hoopwire.identity import DeviceFailed, DeviceRefused, Wait
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import DeviceSettings, PolicySettings, Settings
from hoopwire.model.ssh.keys import public_line
from hoopwire.model.ssh.settings import SshSettings, SshTarget
from hoopwire.model.units import Seconds
from support.ssh import write_key

from .conftest import ISSUER, TokenTable

CLIENT = "0oaGatewayItself"
PEER = "192.0.2.7:50000"


@pytest.fixture
def settings(settings: Settings, tmp_path: Any) -> Settings:
    """With `web1`, which group `ops` may use, and logins with a browser."""
    for name in ("host_key", "targets_ca"):
        write_key(tmp_path / name)
    web1 = SshTarget(
        protocol="ssh",
        host="127.0.0.1",
        logins=("deploy",),
        host_keys=(public_line(write_key(tmp_path / "web1").public_key()),),
    )
    ops = PolicySettings(name="ops", groups=("ops",), targets=("web1",), actions=("shell",), ttl=Seconds(60))
    issuer = msgspec.structs.replace(settings.issuers["okta"], device=DeviceSettings(client_id=CLIENT))
    return msgspec.structs.replace(
        settings,
        listen=msgspec.structs.replace(settings.listen, ssh=("127.0.0.1:0",)),
        ssh=SshSettings(host_key=str(tmp_path / "host_key"), targets_ca=str(tmp_path / "targets_ca")),
        issuers={"okta": issuer},
        targets={**settings.targets, "web1": web1},
        policies=(*settings.policies, ops),
    )


class Bench:
    """`DeviceLogins` alone: it needs of a gateway the settings and the issuer."""

    def __init__(self, settings: Settings) -> None:
        self.table = TokenTable()
        self.issuer = self.table.device
        parts: Any = SimpleNamespace(current=SimpleNamespace(settings=settings, verifier=self.table))
        self.logins = DeviceLogins(parts)

    async def polled(self, *answers: Any) -> tuple[str, list[float]]:
        """What the polls come to (a token, or the code of a denial), and when they were."""
        self.issuer.answers = list(answers)
        asked = await self.logins.ask("web1", has_place=True)
        began = trio.current_time()
        try:
            found = await self.logins.token(asked)
        except Denied as denied:
            found = denied.denial.code
        return found, [round(at - began) for at in self.issuer.polls]


@pytest.fixture
def bench(settings: Settings) -> Bench:
    return Bench(settings)


async def test_polls_keep_the_issuers_interval(autojump_clock: MockClock, bench: Bench) -> None:
    assert await bench.polled(Wait(), Wait(), "T") == ("T", [0, 5, 10])


async def test_slow_down_adds_five_seconds_for_good(autojump_clock: MockClock, bench: Bench) -> None:
    """RFC 8628, 3.5."""
    slower = Wait(more_s=5.0)
    assert await bench.polled(Wait(), slower, Wait(), slower, "T") == ("T", [0, 5, 15, 25, 40])


async def test_a_silent_issuer_is_asked_less_and_less(autojump_clock: MockClock, bench: Bench) -> None:
    failed = DeviceFailed("no whole answer", is_lasting=False)
    assert await bench.polled(failed, failed, failed, failed, failed, "T") == ("T", [0, 10, 30, 70, 130, 190])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (DeviceRefused("access_denied"), "device_denied"),
        (DeviceRefused("expired_token"), "device_code_over"),
        (DeviceFailed("the issuer gives no token: invalid_client"), "device_unavailable"),
    ],
)
async def test_what_is_over_is_not_asked_for_again(
    autojump_clock: MockClock, bench: Bench, answer: Exception, code: str
) -> None:
    assert await bench.polled(Wait(), answer) == (code, [0, 5])


@pytest.mark.parametrize(("expires_s", "wait"), [(20.0, 300), (1800.0, 30)])
async def test_a_code_is_over_with_the_issuers_time_or_ours(
    autojump_clock: MockClock, settings: Settings, expires_s: float, wait: int
) -> None:
    device = DeviceSettings(client_id=CLIENT, wait=Seconds(wait))
    issuer = msgspec.structs.replace(settings.issuers["okta"], device=device)
    bench = Bench(msgspec.structs.replace(settings, issuers={"okta": issuer}))
    bench.issuer.code = msgspec.structs.replace(bench.issuer.code, expires_s=expires_s)
    began = trio.current_time()
    found, polls = await bench.polled(Wait())
    assert found == "device_code_over"
    assert polls[-1] < min(expires_s, wait)
    assert trio.current_time() - began == pytest.approx(min(expires_s, wait))


async def test_an_issuer_that_hangs_at_a_poll(autojump_clock: MockClock, bench: Bench) -> None:
    bench.issuer.hangs = False
    asked = await bench.logins.ask("web1", has_place=True)
    bench.issuer.hangs = True
    with pytest.raises(Denied) as denied:
        await bench.logins.token(asked)
    assert denied.value.denial.code == "device_code_over"
    assert trio.current_time() == pytest.approx(asked.until)
    assert asked.prompt.wait_s == 300 + LATER_S


async def test_the_prompt_names_what_the_client_said_without_its_tricks(bench: Bench) -> None:
    asked = await bench.logins.ask("web1\x1b]0;owned\x07\n" + "x" * 500, has_place=True)
    assert asked.prompt.instruction.startswith("To log in to web1\N{REPLACEMENT CHARACTER}]0;owned")
    assert asked.prompt.instruction.isprintable()
    assert len(asked.prompt.instruction) < 300


async def test_an_issuer_that_is_down_leaves_the_secret(bench: Bench) -> None:
    bench.issuer.error = DeviceFailed("cannot connect", is_lasting=False)
    asked = await bench.logins.ask("web1", has_place=True)
    assert "nobody can log in with a browser at the moment" in asked.prompt.instruction
    assert asked.prompt.question == "Grant secret: "
    with pytest.raises(Denied) as denied:
        await bench.logins.token(asked)
    assert denied.value.denial.code == "device_unavailable"
    assert not bench.issuer.polls


async def test_codes_of_one_address_are_few_at_once_and_slow(autojump_clock: MockClock, bench: Bench) -> None:
    for _ in range(AT_ONCE_OF_ADDRESS):
        with bench.logins.place(PEER) as has_place:
            assert has_place
    for _ in range(3):
        with bench.logins.place("192.0.2.7:4") as has_place:
            assert not has_place
        await trio.sleep(EVERY_S_OF_ADDRESS * 1.01)
        with bench.logins.place("192.0.2.7:5") as has_place:
            assert has_place
    assert len(bench.logins) == 0


async def test_no_address_has_all_places_and_there_are_no_more_than_all(
    autojump_clock: MockClock, bench: Bench
) -> None:
    with ExitStack() as stay:
        got = []
        for number in range(PENDING_OF_ADDRESS + 2):
            got.append(stay.enter_context(bench.logins.place(f"[2001:db8::{number:x}]:9")))
            await trio.sleep(EVERY_S_OF_ADDRESS * 1.01)
        assert got == [True] * PENDING_OF_ADDRESS + [False] * 2
        for number in range(200):
            stay.enter_context(bench.logins.place(f"198.51.100.{number}:9"))
            await trio.sleep(1)
        assert len(bench.logins) == PENDING
    assert len(bench.logins) == 0


async def test_many_addresses_together_are_slow_too(autojump_clock: MockClock, bench: Bench) -> None:
    """And what is remembered of them is bounded."""
    got = 0
    for number in range(10_000):
        with bench.logins.place(f"10.1.{number >> 8}.{number & 255}:9") as has_place:
            got += has_place
    assert got == AT_ONCE
    assert len(bench.logins._addresses) <= 4096


# The whole admission.


def known(
    house: Any, *, kind: Any = "user", cid: str = CLIENT, issuer: str = ISSUER, group: str = "ops"
) -> str:
    """What the issuer gives is a token of this identity."""
    now = int(house.wall.now)
    who = Principal(issuer=issuer, kind=kind, cid=cid, uid="00uAda" if kind == "user" else None, name="ada")
    evidence = Evidence(jti="jti-secret-T", kid="k1", iat=now, exp=now + 3600, groups=(group,))
    house.tokens.known["T"] = Identity(principal=who, evidence=evidence)
    house.tokens.device.answers = ["T"]
    return "T"


async def asked(house: Any, session: str = "s_1", user: str = "web1", peer: str = PEER) -> str:
    """What somebody is asked."""
    house.engine.ask(user, session=session, peer=peer)
    await house.settle(lambda: session in house.engine.prompted or session in house.engine.refused)
    prompt = house.engine.prompted.get(session)
    return "" if prompt is None else f"{prompt.instruction} {prompt.question}"


async def test_a_person_is_let_in_as_who_confirmed(house: Any) -> None:
    known(house)
    shown = await asked(house)
    assert shown == (
        "To log in to web1, open https://id.example.test/activate?user_code=ABCD-EFGH in a browser and"
        " confirm the code ABCD-EFGH. Then press Enter (or paste a grant secret): "
    )
    assert not house.tokens.device.polls
    house.engine.answer("s_1")
    await house.answered("s_1")
    grant, lease = house.engine.admitted["s_1"]
    assert (grant.principal, grant.principal_kind, grant.policy, lease.user) == (
        "uid:00uAda",
        "user",
        "ops",
        "deploy",
    )
    [minted] = house.audited("grant.minted")
    assert (minted["peer"], minted["channel"], minted["jti"]) == (PEER, "ssh", "jti-secret-T")
    house.engine.hang_up("s_1")


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ({"kind": "service"}, "device_not_person"),
        ({"kind": "ai_agent"}, "device_not_person"),
        ({"cid": "0oaAnother"}, "device_other_token"),
        ({"issuer": "https://other.example.test"}, "device_other_token"),
        ({"group": "nobody"}, "target_not_granted"),
    ],
)
async def test_who_is_not_let_in(house: Any, who: dict[str, Any], code: str) -> None:
    known(house, **who)
    await asked(house)
    house.engine.answer("s_1", "whatever was typed")
    await house.answered("s_1")
    assert not house.engine.admitted
    [denied] = house.audited("session.denied")
    assert (denied["code"], denied["peer"], denied["channel"]) == (code, PEER, "ssh")
    assert not house.audited("grant.minted")


async def test_a_secret_at_the_prompt_asks_no_issuer(house: Any) -> None:
    await asked(house)
    house.engine.answer("s_1", "hw1_nothing")
    await house.answered("s_1")
    assert house.audited("session.denied")[0]["code"] in ("secret_malformed", "secret_unknown")
    assert not house.tokens.device.polls


async def test_who_goes_away_is_not_polled_for(house: Any) -> None:
    house.tokens.device.answers = [Wait()]
    await asked(house)
    house.engine.answer("s_1")
    await house.settle(lambda: house.tokens.device.polls)
    house.engine.hang_up("s_1")
    await house.settle(lambda: house.audited("connection.refused"))
    polls = len(house.tokens.device.polls)
    known(house)
    await asked(house, "s_2")
    house.engine.answer("s_2")
    await house.answered("s_2")
    assert len(house.tokens.device.polls) == polls + 1
    house.engine.hang_up("s_2")


async def test_who_begins_anew_is_heard_anew(house: Any) -> None:
    """The other way in comes at once, while the first is still being given up."""
    house.tokens.device.answers = [Wait()]
    await asked(house)
    house.engine.answer("s_1")
    await house.settle(lambda: house.tokens.device.polls)
    house.engine.withdraw("s_1")
    house.engine.ssh("hw1_nothing", "web1", session="s_1", peer=PEER)
    await house.answered("s_1")
    assert house.audited("session.denied")[0]["code"] in ("secret_malformed", "secret_unknown")


async def test_who_begins_anew_before_it_was_asked(house: Any) -> None:
    """All that in one breath: the first was not known yet when it was withdrawn, and was waited for."""
    house.tokens.device.hangs = True
    house.engine.ask("web1", session="s_1", peer=PEER)
    house.engine.prompted["s_1"] = None  # type: ignore[assignment]
    house.engine.withdraw("s_1")
    house.engine.ssh("hw1_nothing", "web1", session="s_1", peer=PEER)
    await house.answered("s_1")
    assert house.audited("session.denied")[0]["code"] in ("secret_malformed", "secret_unknown")


async def test_who_is_gone_before_it_was_asked(house: Any) -> None:
    """It kept its place until the code was over."""
    for number in range(PENDING_OF_ADDRESS):
        house.engine.ask("web1", session=f"g_{number}", peer=PEER)
        house.engine.hang_up(f"g_{number}")
    await house.settle(lambda: len(house.audited("connection.refused")) == PENDING_OF_ADDRESS)
    assert "confirm the code" in await asked(house, "s_1", peer="192.0.2.8:1")
    assert not house.engine.refused
    house.engine.hang_up("s_1")


async def test_a_code_goes_to_no_other_issuer(settings: Settings, house: Any) -> None:
    """The settings change between the prompt and Enter."""
    await asked(house)
    issuer = msgspec.structs.replace(
        settings.issuers["okta"], issuer="https://other.example.test/oauth2/default"
    )
    house.settings = msgspec.structs.replace(settings, issuers={"okta": issuer})
    await house.running.reload()
    house.engine.answer("s_1")
    await house.answered("s_1")
    assert house.audited("session.denied")[0]["code"] == "device_unavailable"
    assert not house.tokens.device.polls


async def test_a_credential_as_the_name_is_not_told_back(house: Any) -> None:
    assert await asked(house, user="hw1_" + "x" * 20) == ""
    assert house.audited("session.denied")[0]["code"] == "credential_misplaced"
    assert not house.tokens.device.begun


async def test_nothing_that_is_secret_is_logged_or_told(house: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house.tokens.device.answers = [DeviceFailed("the issuer gives no token: invalid_client")]
    await asked(house)
    house.engine.answer("s_1", "typed-by-mistake")
    await house.answered("s_1")
    said = caplog.text + house.audit.getvalue().decode() + repr(house.engine.refused)
    assert "invalid_client" in caplog.text
    for secret in ("device-code-secret", "typed-by-mistake"):
        assert secret not in said
    assert "invalid_client" not in repr(house.engine.refused)


async def test_off_means_that_the_engine_asks_for_the_secret_itself(
    settings: Settings, make_house: Any, start: Any
) -> None:
    house = make_house()
    issuer = msgspec.structs.replace(settings.issuers["okta"], device=None)
    house.settings = msgspec.structs.replace(settings, issuers={"okta": issuer})
    async with start(house):
        assert not house.engine.config.protocols.ssh.prompts
        house.settings = settings
        reloaded = await house.running.reload()
        assert reloaded.restart_needed == ("issuers.*.device",)


async def test_switched_off_by_a_reload_it_is_a_secret_that_is_asked_for(
    settings: Settings, house: Any
) -> None:
    assert house.engine.config.protocols.ssh.prompts
    issuer = msgspec.structs.replace(settings.issuers["okta"], device=None)
    house.settings = msgspec.structs.replace(settings, issuers={"okta": issuer})
    assert (await house.running.reload()).restart_needed == ()
    assert await asked(house) == " Grant secret: "
    house.engine.answer("s_1")
    await house.answered("s_1")
    assert house.audited("session.denied")[0]["code"] == "password_unknown"
