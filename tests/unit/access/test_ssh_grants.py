"""Grants on ssh targets: what a request may ask for, what is left of a grant, what the engine is given."""

import msgspec
import pytest

from hoopwire.access import AccessRequest, Offer, compile_grant, decide, regrant
from hoopwire.config import loads
from hoopwire.model.commands import CompiledGrant
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.settings import Settings
from hoopwire.model.ssh.rights import CompiledSsh

NOW = 1_800_000_000.0
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
logins = ["deploy", "app"]
host_ca = "hosts.pub"
[[policies]]
name = "operators"
groups = ["ops"]
targets = ["web1/*"]
actions = ACTIONS
"""
IDENTITY = Identity(
    principal=Principal(issuer="https://dev-1.okta.com/oauth2/default", kind="service", cid="0oa1"),
    evidence=Evidence(jti="j", kid="k", iat=int(NOW), exp=int(NOW) + 3600, groups=("ops",)),
)


def settings(actions: str = '["operate", "sftp write /srv/up", "env LANG"]') -> Settings:
    text = CONFIG.replace("ACTIONS", actions)
    return loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)


def asked(*actions: str) -> Offer | Denial:
    request = AccessRequest(target="web1", actions=actions or None)
    return decide(IDENTITY, request, settings(), NOW, mint="explicit")


def granted(*actions: str) -> Grant:
    offer = asked(*actions)
    assert isinstance(offer, Offer), offer
    return offer.grant("g_1")


def test_a_policy_gives_its_actions_as_they_are() -> None:
    grant = granted()
    assert grant.protocol == "ssh"
    assert grant.actions == ("operate", "sftp write /srv/up", "env LANG")
    assert grant.databases == ("deploy", "app")


def test_a_request_narrows_in_canonical_words() -> None:
    grant = granted("exec  tail -n <int> '/var/log/syslog'", "sftp write /srv/up/a/")
    assert grant.actions == ("exec tail -n <int> /var/log/syslog", "sftp write /srv/up/a")


@pytest.mark.parametrize(
    "action",
    [
        "shell",
        "exec id -u",
        "exec tail -n <int> /etc/*",
        "sftp write /srv",
        "pty",
        "read-files",
        "exec ls <text>",
    ],
)
def test_a_request_that_widens_is_refused_whole(action: str) -> None:
    denial = asked("exec uptime", action)
    assert isinstance(denial, Denial)
    assert denial.code == "actions_not_granted"
    assert "uptime" not in denial.message


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("select on public.orders", "unknown action"),
        ("exec ls; id", "`;`"),
        ("opperate", "unknown action"),
    ],
)
def test_a_request_in_other_words(action: str, words: str) -> None:
    denial = asked(action)
    assert isinstance(denial, Denial)
    assert denial.code == "request_invalid"
    assert words in denial.message
    assert "operate" in denial.hint or "exec" in denial.hint


def test_a_live_grant_loses_what_the_policy_no_longer_gives() -> None:
    grant = granted("exec df -h", "exec uptime", "sftp write /srv/up")
    narrowed = regrant(grant, settings('["exec df *", "exec uptime", "sftp write /srv/up/x"]'), NOW + 1)
    assert isinstance(narrowed, Grant)
    assert narrowed.actions == ("exec uptime",)
    ended = regrant(grant, settings('["shell"]'), NOW + 1)
    assert isinstance(ended, Grant)
    assert ended.actions == ("exec df -h", "exec uptime", "sftp write /srv/up")
    gone = regrant(grant, settings('["pty"]'), NOW + 1)
    assert isinstance(gone, Denial)


def test_what_the_engine_is_given() -> None:
    grant = granted("operate", "env LANG")
    compiled = compile_grant(grant, "app", now=NOW, monotonic_ns=1, notice_s=0)
    assert isinstance(compiled.rights, CompiledSsh)
    assert compiled.rights.action_texts == ("operate", "env LANG")
    assert "exec systemctl status <name>" in compiled.rights.actions
    assert "operate" not in compiled.rights.actions
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(compiled))
    assert packed["rights"]["type"] == "ssh"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(compiled), type=CompiledGrant) == compiled
