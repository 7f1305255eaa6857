"""Grant secrets: `POST /v1/grants`, then `hw1_...` as the password. Real Starlette, by ASGI."""

import httpx
import msgspec
import pytest

from hoopwire.api.public import BODY_LIMIT_BYTES, public_app
from hoopwire.control.revocation import revoke_grant


@pytest.fixture
async def public(house):
    transport = httpx.ASGITransport(public_app(house.parts), client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="https://gw.example") as client:
        yield client


async def mint(public, token, **body):
    return await public.post(
        "/v1/grants", json={"target": "orders", **body}, headers={"authorization": f"Bearer {token}"}
    )


async def test_mint_shows_the_secret_once_and_psql_takes_it(house, public):
    answer = await mint(public, house.token("T1"), ttl="45s", task="ticket-7", purpose="monthly report")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["connect"].startswith('psql "host=127.0.0.1 port=55432 dbname=orders ')
    assert len(body["secret"]) == 79
    assert body["grant"]["expires_at"] == house.wall.now + 45
    await house.connect(body["secret"], "s_1")
    grant, _ = house.engine.admitted["s_1"]
    assert grant.id == body["grant"]["id"]
    assert grant.deadline_monotonic_ns == house.wall.monotonic + 45 * 10**9
    [minted] = house.audited("grant.minted")
    assert (minted["mint"], minted["channel"], minted["peer"]) == ("explicit", "http", "192.0.2.7:4711")


async def test_the_secret_is_kept_as_a_keyed_hash_only(house, public):
    secret = (await mint(public, house.token("T1"))).json()["secret"]
    await house.connect(secret, "s_1")
    await house.settle(lambda: house.audited("session.started"))
    files = [file for file in house.state.iterdir() if file.is_file()]
    assert files
    for file in files:
        assert file.stat().st_mode & 0o077 == 0, file
        assert secret.encode() not in file.read_bytes()
        assert secret[-49:].encode() not in file.read_bytes()
    assert secret.encode() not in house.audit.getvalue()


async def test_a_secret_on_another_target_is_refused(house, public):
    secret = (await mint(public, house.token("T1", groups=("data", "books")))).json()["secret"]
    for database in ("billing", "orders/other", "nowhere", ""):
        await house.connect(secret, f"s_{database}", database=database)
        refusal = house.engine.refused[f"s_{database}"]
        assert refusal.fault == "not_authorized"
        assert "grant" in refusal.detail.lower()


async def test_an_expired_secret_is_refused_to_the_second_and_names_grant_and_time(house, public):
    body = (await mint(public, house.token("T1"))).json()
    house.wall.pass_time(59.999)
    await house.connect(body["secret"], "s_1")
    assert "s_1" in house.engine.admitted
    house.wall.pass_time(0.001)
    await house.connect(body["secret"], "s_2")
    refusal = house.engine.refused["s_2"]
    assert body["grant"]["id"] in refusal.message
    assert "expired at 20" in refusal.message


async def test_a_revoked_secret_is_refused(house, public):
    body = (await mint(public, house.token("T1"))).json()
    await revoke_grant(house.parts, body["grant"]["id"], by="operator", reason="")
    await house.connect(body["secret"], "s_1")
    assert "was revoked" in house.engine.refused["s_1"].message


async def test_a_guessed_or_broken_secret_learns_nothing_about_its_grant(house, public):
    """The grant id stands in the secret: whoever knows the id must not learn its state from us."""
    from hoopwire.store import mint_secret

    body = (await mint(public, house.token("T1"))).json()
    await house.connect(mint_secret(body["grant"]["id"]), "s_1")
    await house.connect(body["secret"][:-1], "s_2")
    assert house.engine.refused["s_1"].fault == house.engine.refused["s_2"].fault == "not_authenticated"
    assert body["grant"]["id"] not in str(house.engine.refused["s_1"])
    assert (
        "checksum" in house.engine.refused["s_2"].detail or "incomplete" in house.engine.refused["s_2"].detail
    )


async def test_a_token_that_minted_explicitly_mints_no_second_grant(house, public):
    token = house.token("T1")
    assert (await mint(public, token)).status_code == 201
    again = await mint(public, token)
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    problem = again.json()
    assert problem["code"] == "token_spent"
    assert problem["type"] == "urn:hoopwire:problem:token_spent"
    assert len(await house.parts.store.grants()) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"actions": ["query", "replication"]}, 403, "actions_not_granted"),
        ({"ttl": 3600}, 403, "ttl_not_granted"),
        ({"ttl": "2s"}, 422, "request_invalid"),
        ({"ttl": "soon"}, 400, "body_invalid"),
        ({"target": "billing"}, 403, "target_not_granted"),
        ({"target": "orders/other"}, 403, "database_not_granted"),
        ({"taget": "orders"}, 400, "body_invalid"),
        ({"task": "x" * 1000}, 400, "body_invalid"),
    ],
)
async def test_what_is_no_subset_is_refused_not_trimmed(house, public, body, status, code):
    answer = await mint(public, house.token("T1"), **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await house.parts.store.grants() == []


async def test_refused_tokens_are_401_with_a_challenge(house, public):
    missing = await public.post("/v1/grants", json={"target": "orders"})
    forged = await mint(public, "forged.token.value")
    basic = await public.post("/v1/grants", json={}, headers={"authorization": "Basic YTpi"})
    secret = await mint(public, "hw1_" + "A" * 75)
    for answer in (missing, forged, basic, secret):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert "signature" not in forged.text
    assert "forged" not in forged.text


async def test_two_authorization_headers_are_refused(house, public):
    token = house.token("T1")
    headers = [("authorization", f"Bearer {token}"), ("authorization", "Bearer other")]
    answer = await public.post("/v1/grants", json={"target": "orders"}, headers=headers)
    assert answer.status_code == 401


async def test_a_body_past_the_limit_is_refused_even_without_content_length(house, public):
    async def endless():
        while True:
            yield b" " * 8192

    answer = await public.post(
        "/v1/grants", content=endless(), headers={"authorization": f"Bearer {house.token('T1')}"}
    )
    assert answer.status_code == 413
    assert BODY_LIMIT_BYTES < 1 << 20


async def test_operator_verbs_are_not_on_the_public_api(house, public):
    """Every operator verb, tried as anybody on the network."""
    await house.connect(house.token("T1"), "s_1")
    grant = house.engine.admitted["s_1"][0].id
    for method, path in [
        ("GET", "/v1/grants"),
        ("POST", f"/v1/grants/{grant}/revoke"),
        ("DELETE", f"/v1/grants/{grant}"),
        ("GET", "/v1/sessions"),
        ("POST", "/v1/sessions/s_1/end"),
        ("POST", "/v1/reload"),
        ("GET", "/v1/statistics"),
        ("POST", "/v1/grants/../reload"),
        ("POST", "//v1/reload"),
        ("POST", "/v1/grants/%2e%2e/reload"),
    ]:
        answer = await public.request(method, path, headers={"authorization": "Bearer T1"})
        assert answer.status_code in (404, 405), (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
    assert house.engine.live == {"s_1"}


async def test_openapi_describes_what_is_served(house, public):
    document = (await public.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {"/v1/grants", "/v1/me", "/v1/ssh", "/healthz", "/readyz"}
    asked = document["components"]["schemas"]["GrantRequest"]
    assert asked["additionalProperties"] is False
    assert asked["required"] == ["target"]


async def test_healthz_turns_when_draining(house, public):
    assert (await public.get("/healthz")).status_code == 200
    house.parts.table.draining = True
    assert (await public.get("/healthz")).status_code == 503


async def test_a_renewal_needs_a_fresh_token_of_the_same_principal_and_never_widens(house, public):
    first = (await mint(public, house.token("T1"), target="orders", ttl="45s")).json()["grant"]
    again = await mint(public, house.token("T1"), renews=first["id"])
    assert (again.status_code, again.json()["code"]) == (403, "token_reused")
    wider = await mint(public, house.token("T2"), renews=first["id"], actions=["query", "replication"])
    assert (wider.status_code, wider.json()["code"]) == (403, "renewal_widens")
    unknown = await mint(public, house.token("T3"), renews="g_nope")
    stranger = await mint(public, house.token("T4", cid="0oa9stranger"), renews=first["id"])
    assert (unknown.status_code, unknown.json()["code"]) == (403, "grant_unknown")
    assert (stranger.status_code, stranger.json()["code"]) == (403, "grant_unknown")
    assert stranger.json() == unknown.json()
    renewed = await mint(public, house.token("T5"), renews=first["id"])
    assert renewed.status_code == 201
    assert renewed.json()["grant"]["id"] != first["id"]
    assert renewed.json()["grant"]["databases"] == first["databases"]


async def test_the_connection_line_names_where_clients_reach_the_gateway(house, public):
    """`psql "host=0.0.0.0 ..."` (N7), and no setting that says what else."""
    listen = msgspec.structs.replace(house.settings.listen, public_host="db.example")
    house.settings = msgspec.structs.replace(house.settings, listen=listen)
    await house.running.reload()
    assert "host=db.example port=55432 " in (await mint(public, house.token("N2"))).json()["connect"]


async def test_a_listener_on_all_addresses_is_named_as_it_was_asked(house, monkeypatch):
    """0.0.0.0 is no place to connect to (N7)."""
    for number, address in enumerate(("0.0.0.0:5432", "[::]:5432")):
        monkeypatch.setattr(house.engine, "addresses", lambda address=address: [address])
        transport = httpx.ASGITransport(app=public_app(house.parts))
        async with httpx.AsyncClient(transport=transport, base_url="https://gw.example:8443") as client:
            answer = await mint(client, house.token(f"N{number}"))
        assert "host=gw.example port=5432 " in answer.json()["connect"]
