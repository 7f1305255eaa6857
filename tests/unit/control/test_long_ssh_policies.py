"""Policies of thousands of rights on ssh targets hold nobody up, either: R22 for the language of ssh."""

import threading
import time

import asyncssh
import httpx
import msgspec
import pytest

from hoopwire.access import AccessRequest, Offer, decide, footguns, regrant
from hoopwire.api.public import public_app
from hoopwire.config import ConfigError, loads
from hoopwire.config.ssh_actions import MOST_RIGHTS
from hoopwire.model.denial import Denial
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import PolicySettings
from hoopwire.model.ssh import actions, command_tree, coverage, grammar, places
from hoopwire.model.ssh.keys import public_line
from hoopwire.model.ssh.settings import SshSettings, SshTarget
from support.ssh import write_key

replace = msgspec.structs.replace
PUBLIC = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
MANY = 1_000
NOW = time.time()
SHAPES = {
    "commands": ("exec run a{0} x", "exec run a{0} *"),
    "one hole": ("exec systemctl restart svc{0}", "exec systemctl * svc{0}"),
    "paths": ("exec cat /srv/a{0}/*", "exec cat /srv/a{0}/* ..."),
    "behind the words": ("exec run <int> a{0}", "exec run * a{0}"),
    "files": ("sftp read /srv/a{0}/b", "sftp read /srv/a{0}"),
    "hosts": ("forward a{0}.example.com:22", "forward a{0}.example.com:20-30"),
    "ports": ("forward db:{0}", "forward db:{0}-2000"),
    "suffixes": ("forward x.a{0}.com:22", "forward *.a{0}.com:22"),
    "networks": ("forward 10.{1}.{2}.1:22", "forward 10.{1}.{2}.0/24:22"),
    "presets": ("read-files on /srv/a{0}/b", "read-files on /srv/a{0}, /tmp/{0}"),
}
"""Actions, and others that cover them without being the same."""


@pytest.fixture(autouse=True)
def cold():
    """What other tests have prepared does not count."""
    for kept in (coverage.held, coverage.covered, coverage.action_texts):
        kept.cache_clear()


@pytest.fixture
def settings(settings, tmp_path):
    """With `web1`, for which there is no policy yet."""
    for name in ("host_key", "agents_ca", "targets_ca"):
        write_key(tmp_path / name)
    host = write_key(tmp_path / "web1")
    web1 = SshTarget(
        protocol="ssh",
        host="127.0.0.1",
        logins=("deploy",),
        host_keys=(public_line(host.public_key()),),
    )
    return replace(
        settings,
        listen=replace(settings.listen, ssh=("127.0.0.1:0",)),
        ssh=SshSettings(**{name: str(tmp_path / name) for name in ("host_key", "agents_ca", "targets_ca")}),
        targets={**settings.targets, "web1": web1},
    )


@pytest.fixture
def identity(settings):
    return Identity(
        principal=Principal(issuer=next(iter(settings.issuers.values())).issuer, kind="service", cid="0oa1"),
        evidence=Evidence(jti="j", kid="k", iat=int(NOW), exp=int(NOW) + 3600, groups=("data",)),
    )


def policy(shape: str, which: int = 0, many: int = MANY) -> PolicySettings:
    text = SHAPES[shape][which]
    texts = tuple(text.format(number, number // 250, number % 250) for number in range(many))
    return PolicySettings(name="long", groups=("data",), targets=("web1",), actions=texts)


@pytest.fixture
def steps(monkeypatch):
    """How often two words, hosts or prefixes were compared."""
    count = [0]

    def counted(module, name):
        original = getattr(module, name)

        def counting(outer, inner):
            count[0] += 1
            return original(outer, inner)

        monkeypatch.setattr(module, name, counting)

    counted(command_tree, "part_contains")
    counted(places, "covers_host")
    counted(coverage, "covers_prefix")
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_a_login_goes_through_the_rights_once(shape, settings, identity, steps):
    now = replace(settings, policies=(policy(shape),))
    offer = decide(identity, AccessRequest(target="web1"), now, NOW, mint="explicit")
    assert isinstance(offer, Offer)
    grant = offer.grant("g_1")
    assert regrant(grant, now, NOW) == grant
    changed = replace(settings, policies=(policy(shape, 1),))
    assert len(regrant(grant, changed, NOW).actions) == MANY
    fewer = replace(settings, policies=(policy(shape, 0, MANY - 1),))
    assert len(regrant(grant, fewer, NOW).actions) == MANY - 1
    assert steps[0] <= 10 * MANY


def test_a_request_of_too_many_rights(settings, identity):
    """200 actions of `operate` with hundreds of paths each would be a million commands."""
    now = replace(settings, policies=(policy("commands"),))
    paths = ", ".join(f"/srv/{number}" for number in range(170))
    asked = AccessRequest(target="web1", actions=(f"operate on {paths}",))
    denial = decide(identity, asked, now, NOW, mint="explicit")
    assert isinstance(denial, Denial)
    assert "more than 1000 rights in its actions" in denial.message


async def test_the_one_thread_reads_no_long_policy(settings, make_house, start, monkeypatch):
    """Neither at the mint of a certificate, nor at a session, nor at a reload."""
    readers = []
    parse = grammar.parse_action

    def reading(text):
        readers.append(threading.current_thread())
        return parse(text)

    monkeypatch.setattr(grammar, "parse_action", reading)
    monkeypatch.setattr(coverage, "parse_action", reading)
    house = make_house()
    house.settings = replace(settings, policies=(policy("commands"),))
    async with start(house):
        transport = httpx.ASGITransport(public_app(house.parts))
        async with httpx.AsyncClient(transport=transport, base_url="https://gw") as client:
            answer = await client.post(
                "/v1/grants",
                headers={"authorization": f"Bearer {house.token('T1')}"},
                json={"target": "web1", "ssh_public_key": PUBLIC},
            )
        assert answer.status_code == 201, answer.text
        for kept in (coverage.held, coverage.covered, coverage.action_texts):
            kept.cache_clear()
        house.engine.ssh(answer.json()["certificate"], "web1", session="s_1")
        await house.answered("s_1")
        assert len(house.engine.admitted["s_1"][0].rights.actions) == MANY
        house.settings = replace(settings, policies=(policy("commands", many=MANY // 2),))
        await house.running.reload()
        assert len(house.parts.table.seat("s_1").grant.actions) == MANY // 2
    assert len(readers) > 2 * MANY
    assert threading.main_thread() not in readers


def test_check_warns_of_a_long_policy_and_refuses_an_endless_one(settings):
    [warning] = footguns(replace(settings, policies=(policy("commands", many=1_001),)))
    assert "has 1001 rights" in warning.warning
    assert not footguns(replace(settings, policies=(policy("commands"),)))
    many = MOST_RIGHTS // (len(actions.OPERATE) + 1 + len(actions.OPERATE_ON)) + 1
    texts = ", ".join(f'"operate on /srv/{number}"' for number in range(many))
    config = CONFIG.replace("ACTIONS", texts)
    with pytest.raises(ConfigError, match=f"at most {MOST_RIGHTS}: write patterns"):
        loads(config.encode(), "hoopwire.toml", files=False)


CONFIG = """
[gateway]
audience = "hoopwire"
[listen]
ssh = ["127.0.0.1:2222"]
tls = { certificate = "gateway.crt", key = "gateway.key" }
[ssh]
host_key = "host"
targets_ca = "targets"
[recording]
directory = "recordings"
signing_key = "recording.key"
[issuers.okta]
issuer = "https://dev-1.okta.com/oauth2/default"
[targets.web1]
protocol = "ssh"
host = "10.0.0.5"
logins = ["deploy"]
host_ca = "hosts.pub"
[[policies]]
name = "operators"
groups = ["ops"]
targets = ["web1/*"]
actions = [ACTIONS]
"""
