"""What `hoopwire check --as` tells the operator."""

from pathlib import Path

import pytest

from hoopwire.access import Explanation, Offer, explain
from hoopwire.config import load
from hoopwire.model.denial import Denial

SETTINGS = load(Path(__file__).parents[3] / "docs/example.toml", files=False)
NOW = 1_800_000_000.0


def reasons(explanation: Explanation) -> dict[str, str]:
    return {account.policy: account.reason for account in explanation.policies}


def test_it_says_which_policy_grants_and_why_the_others_do_not() -> None:
    found = explain(
        "cid:0oa9", "orders/analytics", SETTINGS, NOW, groups=("report-agents", "on-call"), issuer="agents"
    )
    assert isinstance(found.outcome, Offer)
    assert found.outcome.policy == "report-agents"
    assert found.outcome.expires_at == NOW + 900
    assert [account.policy for account in found.policies if account.chosen] == ["report-agents"]
    assert reasons(found)["order-support"] == "policy report-agents came first"
    assert "issuer people" in reasons(found)["payroll-audit"]


def test_it_says_why_nothing_is_granted() -> None:
    found = explain("cid:0oa9", "orders", SETTINGS, NOW, groups=("report-agents",), issuer="agents")
    assert isinstance(found.outcome, Denial)
    assert not any(account.chosen for account in found.policies)
    assert reasons(found)["report-agents"] == "of this target it opens only: analytics"
    assert "wants one of: group order-support, group on-call" in reasons(found)["order-support"]


def test_a_person() -> None:
    found = explain("uid:00u1auditor", "payroll", SETTINGS, NOW, issuer="people")
    assert isinstance(found.outcome, Offer)
    assert found.outcome.token_reuse == "once"


def test_an_unknown_target() -> None:
    found = explain("uid:00u1auditor", "nothere", SETTINGS, NOW, issuer="people")
    assert reasons(found)["payroll-audit"] == "no such target is configured"


@pytest.mark.parametrize(
    ("key", "issuer", "words"),
    [
        ("0oa9", "agents", "principal key"),
        ("cid:", "agents", "principal key"),
        ("cid:0oa9", None, "agents, people"),
        ("cid:0oa9", "agent", "agents, people"),
    ],
)
def test_what_it_cannot_make_out(key: str, issuer: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        explain(key, "orders", SETTINGS, NOW, issuer=issuer)
