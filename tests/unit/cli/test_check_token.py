"""I13: `hoopwire check --token FILE`, with tokens of the dev issuer: what each is, and would get.

Who was refused heard one generic hint, and who set an issuer up had nothing to try a token with.
"""

import json
import re

import pytest

from hoopwire.cli import main
from hoopwire.demo.issuer_tokens import SigningKey


@pytest.fixture
def check(gateway, tmp_path, capsys):
    """What is said of a token, and the exit code; never is the token among it."""

    def run(token, *more):
        path = tmp_path / "token"
        path.write_text(token + "\n")
        capsys.readouterr()
        code = gateway.hoopwire("check", "--token", str(path), *more)
        said = capsys.readouterr()
        for part in token.split("."):
            assert len(part) < 12 or part not in said.out + said.err
        return code, said.out

    return run


@pytest.fixture
def cid(gateway):
    return gateway.issuer.client(groups=["data"], scopes=["database"]).cid


def test_a_token_that_passes(gateway, check, cid):
    """Each check by itself; offline the signature is not looked at, and that is said."""
    token = gateway.issuer.token(cid)
    code, out = check(token, "--online")
    assert code == 0
    names = ["form", "issuer", "signature", "times", "clock", "audience", "client", "scope", "possession"]
    assert re.findall(r"^\+ (\w+)", out, re.MULTILINE) == [*names, "identity"]
    assert f"cid:{cid}, a service; groups (from claim): data\n" in out
    assert "The gateway would take it.\n" in out
    assert "orders: granted by policy readers" in out
    fetches = gateway.issuer.fetches
    code, out = check(token)
    assert (code, gateway.issuer.fetches) == (0, fetches)
    assert re.search(r"^\? signature +not looked at, .*: --online does$", out, re.MULTILINE)
    assert "The gateway would take it" not in out


def test_all_that_is_wrong_not_the_first_only(gateway, check, cid):
    """A login says one thing at a time: an issuer was mended check by check."""
    token = gateway.issuer.token(cid, aud="other", claims={"cnf": {"jkt": "x"}, "exp": 1000, "iat": 900})
    code, out = check(token)
    assert code == 1
    assert re.findall(r"^- (\w+)", out, re.MULTILINE) == ["clock", "audience", "possession"]
    assert "The gateway would refuse it (expired).\n" in out
    assert "What it would get else:" in out


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"groups": "data"}, 'claim "groups", which lists its groups, is one text'),
        ({"groups": [["data"]]}, 'claim "groups", which lists its groups, holds something'),
        ({"scp": "database"}, "claim scp is not an array of texts"),
    ],
)
def test_a_claim_of_another_form(gateway, check, cid, claims, words):
    """I13: `groups` as one string."""
    code, out = check(gateway.issuer.token(cid, claims=claims))
    assert code == 1
    assert words in out


def test_groups_that_are_never_there(gateway, check, cid):
    """I13: silently no groups."""
    token = gateway.issuer.token(cid, drop=["groups"])
    code, out = check(token)
    assert code == 1
    assert 'groups (from claim): none: its token has no claim "groups"' in out
    assert "orders: refused (target_not_granted)" in out
    gateway.connect(token, "s_1")
    assert 'with no groups (its token has no claim "groups")' in gateway.engine.refused["s_1"].detail


def test_a_claim_within_a_claim(gateway, check, cid):
    """I13: `groups.claim = "realm_access.roles"`, as Keycloak has roles: silently no groups."""
    gateway.settings["issuers"]["dev"]["groups"] = {"claim": "realm_access.roles"}
    gateway.write()
    inside = gateway.issuer.token(cid, drop=["groups"], claims={"realm_access": {"roles": ["data"]}})
    code, out = check(inside)
    assert (code, "groups (from claim): data" in out) == (0, True)
    for realm in ({}, {"roles": "data"}, "roles", {"roles": []}):
        code, out = check(gateway.issuer.token(cid, drop=["groups"], claims={"realm_access": realm}))
        assert code == 1
        assert '"realm_access.roles"' in out


def test_the_very_name_comes_before_the_path(gateway, check, cid):
    """Never both: groups have one source."""
    gateway.settings["issuers"]["dev"]["groups"] = {"claim": "https://id.example/groups"}
    gateway.write()
    named = {"https://id.example/groups": ["data"], "https://id": {"example/groups": ["admins"]}}
    _, out = check(gateway.issuer.token(cid, claims=named))
    assert "groups (from claim): data\n" in out


def test_tokens_that_cannot_be_read_further(gateway, check, cid):
    """Foreign and forged ones: nothing of theirs is taken for an identity's, and exit code 1."""
    for token, name, code in (
        (gateway.issuer.token(cid, claims={"iss": "https://other.example"}), "issuer", "unknown_issuer"),
        (gateway.issuer.token(cid, header={"alg": "HS256"}), "form", "algorithm_refused"),
        (
            gateway.issuer.token(cid, key=SigningKey(gateway.issuer.signing_key.kid)),
            "signature",
            "bad_signature",
        ),
        ("not.a.token", "form", "malformed"),
    ):
        exit_code, out = check(token, "--online")
        assert exit_code == 1
        assert f"- {name}" in out
        assert f"({code})" in out


def test_for_programs(gateway, check, cid):
    """The same as JSON."""
    _, out = check(gateway.issuer.token(cid, aud="other"), "--json", "--target", "orders")
    told = json.loads(out)
    [failed] = [each for each in told["checks"] if each["outcome"] == "failed"]
    assert (failed["name"], failed["code"]) == ("audience", "wrong_audience")
    assert gateway.issuer.audience in failed["hint"]
    assert told["identity"]["principal"]["cid"] == cid
    assert [each["target"] for each in told["targets"]] == ["orders"]


def test_the_issuer_is_away(gateway, check, cid):
    """What could not be looked at is no identity's fault; the rest is told."""
    gateway.issuer.fail_jwks(503)
    code, out = check(gateway.issuer.token(cid), "--online")
    assert code == 1
    assert "- signature" in out
    assert "503" in out
    assert f"cid:{cid}" in out


def test_no_token(gateway, capsys):
    """Words, and exit code 2."""
    for more in (["--token", "/nowhere"], ["--token", "-", "--as", "cid:a"], ["--online", "--as", "cid:a"]):
        assert main(["check", "--config", str(gateway.config), *more]) == 2
    assert "cannot read the token from /nowhere" in capsys.readouterr().err


def test_a_token_in_place_of_its_file(gateway, cid, capsys):
    """`--token eyJ...` is what one types first: the error must not print it."""
    token = gateway.issuer.token(cid)
    assert gateway.hoopwire("check", "--token", token) == 2
    err = capsys.readouterr().err
    assert "get a new one" in err
    assert token[:20] not in err
