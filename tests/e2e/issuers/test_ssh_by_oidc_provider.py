"""People log in to ssh by npm `oidc-provider`, an issuer with pages of its own that we did not write."""

import importlib.util
import os
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.node import missing
from support.ssh_browser import asked
from support.ssh_house import TARGET, SshHouse, ssh_house
from support.wait import wait_for_audit

spec = importlib.util.spec_from_file_location("oidc_provider", Path(__file__).with_name("oidc_provider.py"))
assert spec is not None
assert spec.loader is not None
oidc_provider = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oidc_provider)

AUDIENCE = "https://gateway.example/hoopwire"
SECRET = "a-secret-of-this-test-and-of-nobody-else"
POLICIES = [{"name": "people", "groups": ["people"], "targets": [TARGET], "actions": ["shell", "pty"]}]
NATIVE = {"client_id": "gateway-native", "okta": False, "device": True}
WEB = {"client_id": "gateway-web", "client_secret": SECRET, "okta": False, "device": True}

_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


@pytest.fixture(scope="module")
def third_party() -> Iterator[str]:
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(f"the third-party issuer lane must run in CI, and it {reason}")
    if reason:
        pytest.skip(reason)
    with oidc_provider.serve([NATIVE, WEB], [AUDIENCE]) as running:
        yield running


@pytest.fixture(scope="module", params=[NATIVE, WEB], ids=["public", "with_secret"])
def house(
    request: pytest.FixtureRequest,
    pg: ThrowAwayPostgres,
    issuer: DevIssuer,
    third_party: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SshHouse]:
    """A gateway that knows this issuer only, as a client of the one or the other kind."""
    folder = tmp_path_factory.mktemp("ssh")
    device = {"client_id": request.param["client_id"], "scopes": ["database"]}
    if "client_secret" in request.param:
        (folder / "secret").write_text(SECRET)
        (folder / "secret").chmod(0o600)
        device["client_secret"] = {"file": str(folder / "secret")}
    groups = {"source": "static", "members": {"uid:ada": ["people"]}}
    dev = {"issuer": third_party, "kind": "oidc", "required_scope": "database", "groups": groups}
    settings = {"gateway": {"audience": AUDIENCE}, "issuers": {"dev": {**dev, "device": device}}}
    with ssh_house(pg, issuer, folder, POLICIES, settings=settings) as running:
        yield running


def browse(shown: str, person: str) -> str:
    """Go through the pages as a person does, up to one that asks for nothing more. Without a name: abort."""
    found = re.search(r"open (http\S+)", shown)
    assert found is not None, shown
    with httpx.Client(trust_env=False, follow_redirects=True) as client:
        answer = client.get(found[1])
        while (form := _FORM.search(answer.text)) is not None:
            tags = [dict(_ATTRIBUTE.findall(tag)) for tag in _INPUT.findall(form[2])]
            filled = {tag["name"]: unescape(tag.get("value", "")) for tag in tags}
            if filled.get("confirm") and not person:
                filled["abort"] = filled.pop("confirm")
            filled |= {name: person for name in ("login", "password") if name in filled}
            answer = client.post(answer.url.join(unescape(form[1])), data=filled)
            if "abort" in filled:
                break  # what follows is the page to type a code into
    return answer.text


def test_a_person_logs_in_on_the_issuers_own_pages(house: SshHouse, third_party: str) -> None:
    with asked(house, "echo", "he''llo") as (terminal, shown, code):
        assert f"open {third_party}/device?user_code={code} in a browser" in shown
        terminal.type(b"\r")
        assert "Success" in browse(shown, "ada")
        rest = terminal.rest()
        assert terminal.code() == 0, rest
        assert b"hello" in rest
    started = wait_for_audit(house.gateway, "session.started")
    assert started["principal"] == "ada"


def test_a_person_without_a_policy(house: SshHouse) -> None:
    with asked(house, "true") as (terminal, shown, _):
        browse(shown, "bob")
        terminal.type(b"\r")
        rest = terminal.rest()
        assert terminal.code() == 255
        assert b"not granted" in rest, rest


def test_a_person_who_refuses(house: SshHouse) -> None:
    with asked(house, "true") as (terminal, shown, _):
        browse(shown, "")
        terminal.type(b"\r")
        rest = terminal.rest()
        assert terminal.code() == 255
        assert b"refused in the browser" in rest, rest


def test_the_clients_secret_is_nowhere(house: SshHouse) -> None:
    with asked(house, "true") as (terminal, shown, _):
        browse(shown, "ada")
        terminal.type(b"\r")
        terminal.rest()
        assert terminal.code() == 0
    kept = [path for path in house.gateway.directory.rglob("*") if path.is_file()]
    assert SECRET not in house.gateway.log
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]
