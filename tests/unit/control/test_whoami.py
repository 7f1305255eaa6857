"""An agent had no way to ask what it may do: there was no `/v1/me` (N4)."""

import msgspec
import pytest

from hoopwire.access import AccessRequest, Offer, decide
from hoopwire.control.revocation import revoke_grant


@pytest.fixture
async def public(house):
    import httpx

    from hoopwire.api.public import public_app

    transport = httpx.ASGITransport(public_app(house.parts), client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="https://gw.example") as client:
        yield client


async def me(public, credential):
    return await public.get("/v1/me", headers={"authorization": f"Bearer {credential}"})


async def mint(public, token, **body):
    answer = await public.post(
        "/v1/grants", json={"target": "orders", **body}, headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_token_is_told_who_it_is_what_lives_and_what_it_could_have(house, public):
    bought = await mint(public, house.token("T1"), ttl="45s", task="ticket-7")
    await mint(public, house.token("T2", cid="0oaOther"))
    answer = await me(public, house.token("T3"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["identity"]["principal"] == "cid:0oaAgent"
    assert told["identity"]["groups"] == ["data"]
    assert told["identity"]["expires_at"] == house.wall.now + 3600
    [grant] = told["grants"]
    assert (grant["id"], grant["task"]) == (bought["grant"]["id"], "ticket-7")
    assert grant["expires_at"] == house.wall.now + 45
    assert "0oaOther" not in answer.text
    assert told["policies"]
    assert len(await house.parts.store.grants()) == 2, "nothing is bought by asking"
    await house.connect("T3", "s_1")
    assert "s_1" in house.engine.admitted, "nor is the token used up"


async def test_what_it_could_have_is_what_decides(house, public):
    """Each policy that is told opens what it says, and each database that is not named is refused."""
    token = house.token("T1", groups=("data", "books"))
    told = (await me(public, token)).json()["policies"]
    identity = house.tokens.known[token]
    opens = {name for policy in told for name in policy["opens"]}
    for name, target in house.settings.targets.items():
        for part in target.parts:
            typed = name if part == target.parts[0] else f"{name}/{part}"
            request = AccessRequest(target=name, database=part)
            found = decide(identity, request, house.settings, house.wall.now, mint="explicit")
            assert isinstance(found, Offer) == (typed in opens), typed
            if isinstance(found, Offer):
                first = next(policy for policy in told if typed in policy["opens"])
                assert (first["policy"], tuple(first["actions"])) == (found.policy, found.actions)
    stranger = (await me(public, house.token("T2", cid="0oaX", groups=()))).json()
    assert (stranger["grants"], stranger["policies"]) == ([], [])


async def test_a_secret_is_told_its_own_grant(house, public):
    first = await mint(public, house.token("T1"))
    await mint(public, house.token("T2"))
    told = (await me(public, first["secret"])).json()
    assert [grant["id"] for grant in told["grants"]] == [first["grant"]["id"]]
    assert told["policies"] == []
    assert told["identity"]["principal"] == "cid:0oaAgent"
    assert first["secret"] not in str(told)


async def test_what_has_ended_is_not_told(house, public):
    bought = await mint(public, house.token("T1"), ttl="45s")
    other = await mint(public, house.token("T2"))
    await revoke_grant(house.parts, other["grant"]["id"], by="operator", reason="")
    assert [grant["id"] for grant in (await me(public, house.token("T3"))).json()["grants"]] == [
        bought["grant"]["id"]
    ]
    house.wall.pass_time(45)
    assert (await me(public, "T3")).json()["grants"] == []
    for secret, word in ((bought["secret"], "expired"), (other["secret"], "revoked")):
        answer = await me(public, secret)
        assert (answer.status_code, word in answer.text) == (403, True)


async def test_who_is_refused_hears_no_more_than_at_a_login(house, public):
    contact = msgspec.structs.replace(house.settings.gateway, contact="#data-help")
    house.settings = msgspec.structs.replace(house.settings, gateway=contact)
    await house.running.reload()
    missing = await public.get("/v1/me")
    forged = await me(public, "forged.token.value")
    guessed = await me(public, "hw1_" + "A" * 75)
    for answer in (missing, forged, guessed):
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    assert "#data-help" in forged.text
    assert (await me(public, house.token("T9"))).json()["contact"] == "#data-help"
    denied = house.audited("grant.denied")
    assert len(denied) == 2, "a guessed credential is seen by the audit here, too"
    assert {event["peer"] for event in denied} == {"192.0.2.7:4711"}


async def test_other_methods_and_paths_are_none(house, public):
    token = {"authorization": f"Bearer {house.token('T1')}"}
    for method, path in (("POST", "/v1/me"), ("GET", "/v1/me/"), ("GET", "/v1/me/grants")):
        assert (await public.request(method, path, headers=token)).status_code in (404, 405)
