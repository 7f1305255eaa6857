"""`hoopwire explain` for ssh targets: what is asked, and how it is told to people and programs."""

import json

import pytest

from hoopwire.cli import explain
from hoopwire.cli.exits import CommandFailed
from hoopwire.cli.parser import build_parser
from hoopwire.model.explained import ExplainedAction

CONFIG = """
[gateway]
audience = "hoopwire"
[listen]
postgres = ["127.0.0.1:5432"]
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
[targets.orders]
host = "127.0.0.1"
databases = ["orders"]
user = "app"
tls = "disable"
credential = { trust = true }
[[policies]]
name = "operators"
groups = ["ops"]
targets = ["web1"]
actions = ["exec tar czf - /var/log"]
"""
REFUSED = ExplainedAction(
    allow=False,
    words=("rm", "-r", "a\x1bb"),
    code="command_not_granted",
    message="grant g_explain does not allow rm with these arguments",
    detail='Policy "operators" grants: exec tar czf - /var/log.\ncode: command_not_granted',
    hint="Ask for: exec rm -r",
)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "hoopwire.toml"
    path.write_text(CONFIG)
    return str(path)


def run(config, *arguments, answer=REFUSED, target="web1", groups="ops"):
    asked = []

    def decide(grant, action):
        asked.append((grant, action))
        return answer

    given = ["explain", "--as", "cid:0oa1", "--target", target, "--groups", groups, "--config", config]
    code = explain.run(build_parser().parse_args([*given, *arguments]), decide_action=decide)
    return code, asked


def test_a_refused_command_is_told_with_what_to_ask_for(config, capsys):
    code, [(grant, action)] = run(config, "--ssh", "rm -r '\x1b'")
    out = capsys.readouterr().out
    assert (code, action) == (1, "exec rm -r '\x1b'")
    assert grant.rights.actions == ("exec tar czf - /var/log",)
    assert "by policy operators" in out
    assert "refused: exec rm -r" in out
    assert "(command_not_granted)" in out
    assert "words: rm | -r | a" in out
    assert "Ask for: exec rm -r" in out
    assert "\x1b" not in out


def test_an_allowed_command_is_told_by_what(config, capsys):
    answer = ExplainedAction(allow=True, by="exec tar czf - /var/log", words=("tar", "czf"))
    code, _ = run(config, "--ssh", "tar czf - /var/log", answer=answer)
    out = capsys.readouterr().out
    assert code == 0
    assert "allowed: exec tar czf - /var/log\n" in out
    assert "by: exec tar czf - /var/log\n" in out


def test_any_other_action(config, capsys):
    code, [(_, action)] = run(config, "--action", "sftp read /etc/hosts", "--json")
    document = json.loads(capsys.readouterr().out)
    assert (code, action) == (1, "sftp read /etc/hosts")
    assert (document["allowed"], document["login"], document["policy"]) == (False, "deploy", "operators")
    assert (document["action"], document["code"]) == ("sftp read /etc/hosts", "command_not_granted")


def test_who_is_granted_nothing_hears_why(config, capsys):
    code, asked = run(config, "--ssh", "id", groups="others")
    assert (code, asked) == (1, [])
    assert "target_not_granted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "target", "words"),
    [
        (["select 1"], "web1", "speaks ssh: give --ssh"),
        (["--ssh", "id"], "orders", "speaks postgres: give SQL"),
        (["--ssh", "id", "--action", "shell"], "web1", "give one of"),
        (["--ssh", "id", "select 1"], "web1", "give one of"),
        (["--action", "shell", "--file", "x"], "web1", "give one of"),
    ],
)
def test_what_cannot_be_asked(config, arguments, target, words):
    with pytest.raises(CommandFailed, match=words) as failed:
        run(config, *arguments, target=target)
    assert failed.value.code == 2


def test_a_text_that_is_no_action(config):
    def refuse(grant, action):
        raise ValueError("no action of ssh")

    given = ["explain", "--as", "cid:0oa1", "--target", "web1", "--groups", "ops", "--config", config]
    with pytest.raises(CommandFailed, match="no action of ssh") as failed:
        explain.run(build_parser().parse_args([*given, "--action", "fly"]), decide_action=refuse)
    assert failed.value.code == 2
