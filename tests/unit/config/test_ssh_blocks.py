"""`[targets."web*"]`: one block for many hosts, and policies that name it or one of its hosts."""

from pathlib import Path

import pytest

from hoopwire.access import AccessRequest, Offer, decide, explain, regrant
from hoopwire.config import ConfigError, Problem, loads
from hoopwire.model.denial import Denial
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import Settings

EXAMPLE = (Path(__file__).parents[3] / "docs/example.toml").read_text()
BLOCK = """
[targets."app*"]
protocol = "ssh"
host = "app*.internal"
logins = ["deploy", "admin"]
host_ca = "tls/hosts_ca.pub"
"""
POLICY = """
[[policies]]
name = "apps"
issuer = "people"
groups = ["ops"]
targets = ["app*"]
actions = ["operate"]
"""
BASE = EXAMPLE.replace("[[policies]]", BLOCK + "\n[[policies]]", 1) + POLICY
NOW = 1_800_000_000.0


def load(text: str) -> Settings:
    return loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return list(caught.value.problems)


def edited(old: str, new: str) -> str:
    assert BASE.count(old) == 1, old
    return BASE.replace(old, new)


HOST = 'host = "app*.internal"'
CASES = [
    ('[targets."app*"]', '[targets."app**"]', '."app**"', "one `*`"),
    ('[targets."app*"]', '[targets."App*"]', '."App*"', "lower-case"),
    ('[targets."app*"]', '[targets."app.*"]', '."app.*"', "no dot"),
    (HOST, 'host = "app*"', ".host", "a domain behind it"),
    (HOST, 'host = "app1.internal"', ".host", "one `*`"),
    (HOST, 'host = "app.*.internal"', ".host", "first part"),
    (HOST, 'host = "*.0.0.1"', ".host", "a domain behind it"),
    (HOST, 'host = "*.0x7f"', ".host", "a domain behind it"),
    (HOST, 'host = "app*.localhost"', ".host", "this machine"),
    (HOST, 'host = "app*.internal."', ".host", "a domain behind it"),
    (HOST, 'host = "app*.Internal"', ".host", "lower"),
    (HOST, HOST + '\nhost_name = "apps.internal"', ".host_name", "stand for the others"),
    (HOST, HOST + '\nnames = ["app1", "app1"]', ".names[1]", "twice"),
    (HOST, HOST + '\nnames = ["web1"]', ".names[0]", "no name of"),
    (HOST, HOST + '\nnames = ["app.1"]', ".names[0]", "no dot"),
    ('host_ca = "tls/hosts_ca.pub"\n', "", ".host_ca", "required for many hosts"),
]


@pytest.mark.parametrize(("old", "new", "key", "words"), CASES)
def test_what_is_refused(old: str, new: str, key: str, words: str) -> None:
    found = {
        problem.key: problem.what for problem in problems(edited(old, new)) if "policies" not in problem.key
    }
    [what] = [what for name, what in found.items() if name.endswith(key)]
    assert words in what


def test_host_keys_would_be_the_same_for_all() -> None:
    keys = next(line for line in EXAMPLE.splitlines() if line.startswith("host_keys"))
    [problem] = problems(edited('host_ca = "tls/hosts_ca.pub"\n', keys + "\n"))
    assert "each could stand for the others" in problem.what


def test_blocks_that_meet_and_names_without_a_block() -> None:
    other = BLOCK.replace("app*", "*1")
    [problem] = problems(BASE.replace(BLOCK, BLOCK + other))
    assert 'this block and of "app*"' in problem.what
    [problem] = problems(edited('logins = ["deploy", "admin"]', 'logins = ["deploy"]\nnames = ["web1"]'))
    assert problem.key.endswith("names[0]")
    [problem] = problems(
        EXAMPLE.replace('host = "web1.internal"', 'host = "web1.internal"\nnames = ["web1"]')
    )
    assert "block of many hosts" in problem.what


@pytest.mark.parametrize(
    ("target", "close"), [("ap*", "app*"), ("app1.internal", None), ("APP1", None), ("app*/root", None)]
)
def test_a_policy_names_what_is_there(target: str, close: str | None) -> None:
    text = edited('targets = ["app*"]', f'targets = ["{target}"]')
    [problem] = [one for one in problems(text) if one.key.endswith(".targets[0]")]
    if close is not None:
        assert problem.nearest == close


def identity(*groups: str) -> Identity:
    issuer = load(BASE).issuers["people"].issuers[0]
    return Identity(
        principal=Principal(issuer=issuer, kind="user", cid="0oa1", uid="00u1"),
        evidence=Evidence(jti="j", kid="k", iat=int(NOW), exp=int(NOW) + 3600, groups=groups),
    )


def decided(text: str, target: str) -> Offer | Denial:
    request = AccessRequest(target=target, protocol="ssh")
    return decide(identity("ops"), request, load(text), NOW, mint="implicit")


def opened(text: str, target: str) -> tuple[str, ...]:
    outcome = decided(text, target)
    return outcome.databases if isinstance(outcome, Offer) else (outcome.code,)


def test_each_host_is_a_target_of_its_own() -> None:
    one, other = decided(BASE, "app1"), decided(BASE, "app2")
    assert isinstance(one, Offer)
    assert isinstance(other, Offer)
    assert (one.target, other.target) == ("app1", "app2")
    assert one.policy_hash != other.policy_hash


@pytest.mark.parametrize("target", ["app*", "app", "app1.internal", "APP1", "app1.", "app/1", "web2", ".."])
def test_other_names_are_not_granted(target: str) -> None:
    assert opened(BASE, target) == ("target_not_granted",)


def test_a_policy_for_one_host_opens_no_other() -> None:
    text = edited('targets = ["app*"]', 'targets = ["app1/admin"]')
    refused = decided(text, "app2")
    assert isinstance(refused, Denial)
    assert "app1/admin" in refused.hint
    assert opened(text.replace("app1/admin", "app1"), "app1") == ("deploy",)
    assert opened(text.replace("app1/admin", "app*/*"), "app9") == ("deploy", "admin")


def test_a_target_whose_name_would_fit_is_not_of_the_block() -> None:
    """A policy does not grow by itself when a target is added."""
    single = BLOCK.replace("app*", "app-old", 1).replace("app*.internal", "old.internal")
    assert opened(BASE.replace(BLOCK, BLOCK + single), "app-old") == ("target_not_granted",)


@pytest.mark.parametrize(
    ("denied", "shut"), [("app*", ("app1", "app2")), ("app1", ("app1",)), ("*", ("app1", "app2"))]
)
def test_a_deny_by_block_and_by_host(denied: str, shut: tuple[str, ...]) -> None:
    deny = f'\n[[policies]]\nname = "no"\neffect = "deny"\ngroups = ["ops"]\ntargets = ["{denied}"]\n'
    text = BASE.replace(POLICY, deny + POLICY)
    for target in ("app1", "app2"):
        assert (opened(text, target) == ("policy_denies",)) == (target in shut)


def test_a_reload_that_takes_the_host_away_ends_its_grants() -> None:
    offer = decided(BASE, "app1")
    assert isinstance(offer, Offer)
    grant = offer.grant("g_1")
    assert regrant(grant, load(BASE), NOW) == grant
    closed = load(edited(HOST, HOST + '\nnames = ["app2"]'))
    ended = regrant(grant, closed, NOW)
    assert isinstance(ended, Denial)
    assert ended.code == "target_removed"


def test_an_operator_is_told_of_a_host() -> None:
    found = explain("uid:00u1", "app7/admin", load(BASE), NOW, groups=("ops",), issuer="people")
    assert isinstance(found.outcome, Denial)
    found = explain("uid:00u1", "app7", load(BASE), NOW, groups=("ops",), issuer="people")
    assert isinstance(found.outcome, Offer)
    assert found.policies[-1].chosen
