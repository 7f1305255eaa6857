"""psql through the gateway with tokens of npm `oidc-provider`, an issuer that we did not write."""

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.node import missing

spec = importlib.util.spec_from_file_location("oidc_provider", Path(__file__).with_name("oidc_provider.py"))
assert spec is not None
assert spec.loader is not None
oidc_provider = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oidc_provider)

AUDIENCE = "https://gateway.example/hoopwire"
OTHER = "https://gateway.example/other"
SECRET = "a-secret-of-this-test-and-of-nobody-else"
CLIENTS = [
    {"client_id": f"0oa{group}", "client_secret": SECRET, "groups": [group]}
    for group in ("window", "once", "explicit", "nowhere")
]

Token = Callable[..., str]


@pytest.fixture(scope="module")
def third_party() -> Iterator[str]:
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(f"the third-party issuer lane must run in CI, and it {reason}")
    if reason:
        pytest.skip(reason)
    with oidc_provider.serve(CLIENTS, [AUDIENCE, OTHER]) as running:
        yield running


@pytest.fixture(scope="module")
def token(third_party: str) -> Token:
    def fetch(group: str, **form: str) -> str:
        form = {
            "grant_type": "client_credentials",
            "scope": "database",
            "resource": AUDIENCE,
        } | form
        with httpx.Client(trust_env=False) as client:
            answer = client.post(f"{third_party}/token", data=form, auth=(f"0oa{group}", SECRET))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    return fetch


@pytest.fixture(scope="module")
def behind(pg: ThrowAwayPostgres, third_party: str) -> Iterator[RunningGateway]:
    """A gateway that knows this issuer only."""
    settings = {
        "gateway": {"audience": AUDIENCE},
        "issuers": {"dev": {"issuer": third_party, "required_scope": "database"}},
        "policies": [
            {
                "name": group,
                "groups": [group],
                "targets": ["orders"],
                "actions": ["query"],
                "ttl": "30s",
                "token_reuse": "once" if group == "once" else "window",
            }
            for group in ("window", "once", "explicit")
        ],
    }
    with RunningGateway(pg, third_party, settings=settings) as running:
        yield running


def test_mint_connect_and_refused_after_the_ttl(behind: RunningGateway, token: Token) -> None:
    """The same token and the same secret, still good at the issuer, opened one after the grant's end."""
    window, once = token("window"), token("once")
    minted = behind.mint(token("explicit"), target="orders", ttl="30s")
    assert minted.status_code == 201, minted.text
    secret = minted.json()["secret"]
    for credential in (window, once, secret, window, secret):
        assert behind.psql(credential, "orders", "select 1").out == "1"
    began = time.monotonic()
    again = behind.psql(once, "orders", "select 1")
    assert again.code == 2
    assert "already" in again.err
    assert behind.psql(secret, "secrets", "select 1").code == 2
    time.sleep(max(0.0, began + 31 - time.monotonic()))
    for credential in (window, once, secret):
        late = behind.psql(credential, "orders", "select 1")
        assert late.code == 2, late
        assert "g_" in late.err, late.err
        assert "expired" in late.err, late.err


def test_two_parallel_first_uses_under_once(behind: RunningGateway, token: Token) -> None:
    """Two first uses of one token at the same moment both won."""
    credential = token("once")
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: behind.psql(credential, "orders", "select 1"), range(2)))
    assert sorted(each.code for each in done) == [0, 2], done


@pytest.mark.parametrize(
    ("group", "form", "word"),
    [
        ("window", {"resource": OTHER}, "audience"),
        ("window", {"scope": ""}, "scope"),
        ("nowhere", {}, "not granted"),
    ],
)
def test_refused(behind: RunningGateway, token: Token, group: str, form: dict[str, str], word: str) -> None:
    done = behind.psql(token(group, **form), "orders", "select 1")
    assert done.code == 2, done
    assert word in done.err, done.err


def test_no_token_is_in_the_log(behind: RunningGateway, token: Token) -> None:
    credential = token("window")
    assert behind.psql(credential, "orders", "select 1").out == "1"
    assert credential not in behind.log
    assert credential.split(".")[2] not in behind.log
