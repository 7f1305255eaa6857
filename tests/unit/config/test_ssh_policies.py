"""Policies on ssh targets: words of ssh, each fault at its place, and nothing that only PostgreSQL knows."""

from pathlib import Path

import pytest

from hoopwire.access import footguns
from hoopwire.config import ConfigError, Problem, loads

EXAMPLE = (Path(__file__).parents[3] / "docs/example.toml").read_text()
POLICY = """
[[policies]]
name = "web-operators"
groups = ["operators"]
issuer = "people"
targets = ["web1"]
actions = ["operate", "exec sudo systemctl restart nginx"]
"""
BASE = EXAMPLE + POLICY


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)
    return list(caught.value.problems)


def policies(text: str) -> list[Problem]:
    return [problem for problem in problems(text) if problem.key.startswith("policies[")]


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def test_a_policy_in_words_of_ssh() -> None:
    settings = loads(BASE.encode(), "/etc/hoopwire/hoopwire.toml", files=False)
    assert settings.policies[-1].actions == ("operate", "exec sudo systemctl restart nginx")


ACTIONS = 'actions = ["operate", "exec sudo systemctl restart nginx"]'


@pytest.mark.parametrize(
    ("actions", "at", "words", "nearest"),
    [
        ('["opperate"]', 0, "unknown action", "operate"),
        ('["operate", "select on public.orders"]', 1, "unknown action `select`", None),
        ('["read-only"]', 0, "unknown action `read-only`", "read-files"),
        ('["operate", "exec ls; id"]', 1, "`;`", None),
        ('["exec systemctl status <nmae>"]', 0, "is no hole", "<name>"),
        ('["sftp wirte /srv"]', 0, "expected `read` or `write`", "sftp write /var/log"),
        ('["operate", "operate"]', 1, "listed twice", None),
        ("[]", None, "at least one action", None),
    ],
)
def test_a_fault_is_told_where_it_stands(
    actions: str, at: int | None, words: str, nearest: str | None
) -> None:
    text = BASE.replace(ACTIONS, f"actions = {actions}")
    [problem] = policies(text)
    index = f"[{at}]" if at is not None else ""
    assert problem.key.endswith(f".actions{index}")
    assert problem.line == line_of(text, f"actions = {actions}")
    assert words in problem.what
    if nearest is not None:
        assert problem.nearest == nearest


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('deny = ["all on public.secrets"]', "deny"),
        ('masks = { "public.customers.email" = "null" }', "masks"),
        ("masks_must_match = true", "masks_must_match"),
        ("budgets = { rows = 5 }", "budgets.rows"),
        ('limits = { idle_in_transaction = "5s" }', "limits.idle_in_transaction"),
    ],
)
def test_a_key_that_only_postgresql_knows(line: str, key: str) -> None:
    """It would be read as if it limited what is done over ssh."""
    [problem] = policies(BASE + line)
    assert problem.key.endswith(key)
    assert "PostgreSQL" in problem.what


def test_the_default_of_actions_is_none_of_ssh() -> None:
    [problem] = policies(BASE.replace(ACTIONS, ""))
    assert "no actions by default" in problem.what


def test_one_policy_for_two_languages() -> None:
    [problem] = policies(BASE.replace('targets = ["web1"]', 'targets = ["web1", "orders"]'))
    assert problem.key.endswith("targets[1]")
    assert '"orders" speaks postgres' in problem.what


def test_a_deny_may_name_both() -> None:
    text = BASE.replace('targets = ["web1"]', 'targets = ["web1", "orders"]\neffect = "deny"')
    loads(text.replace(ACTIONS, "").encode(), "/etc/hoopwire/hoopwire.toml", files=False)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("exec find /var/log -name <text>", "can be talked into"),
        ("exec /usr/bin/sudo systemctl <name> nginx", "can be talked into"),
        ("sftp write /", "reaches homes"),
        ("sftp write /home/app/in", "reaches homes"),
        ("read-files", "its own keys"),
        ("env LD_PRELOAD", "limits of `exec` are gone"),
        ("env GIT_SSH_COMMAND", "limits of `exec` are gone"),
        ("agent-forwarding", "use of the client's agent"),
        ("remote-forward *:80", "for everybody"),
        ("remote-forward 0.0.0.0:80", "for everybody"),
        ("remote-forward [::]:80", "for everybody"),
        ("pty", "pager"),
    ],
)
def test_what_a_policy_hardly_means_to_say(action: str, words: str) -> None:
    text = BASE.replace('"exec sudo systemctl restart nginx"', f'"{action}"')
    settings = loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)
    index = len(settings.policies) - 1
    warnings = [gun.warning for gun in footguns(settings) if gun.key[:3] == ("policies", index, "actions")]
    assert [warning for warning in warnings if words in warning]


def test_a_sound_policy_is_not_warned_of() -> None:
    for actions in ('["operate", "exec systemctl restart nginx"]', '["shell"]', '["sftp write /srv/up"]'):
        text = BASE.replace(ACTIONS, f"actions = {actions}")
        settings = loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)
        index = len(settings.policies) - 1
        assert [gun for gun in footguns(settings) if gun.key[:3] == ("policies", index, "actions")] == []
