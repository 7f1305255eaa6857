"""A policy that a target with role = ephemeral could only refuse later, found by `hoopwire check`."""

from pathlib import Path

import pytest

from hoopwire.config import ConfigError, loads

EXAMPLE = (Path(__file__).parents[3] / "docs/example.toml").read_text()
HEAD, FIRST, REST = EXAMPLE.partition("[[policies]]")[0], "[targets.orders]", 'role = "ephemeral"'


def found(actions: str, *, targets: str = '["orders/*"]', role: str = REST) -> list[str]:
    text = HEAD.replace(FIRST, f"{FIRST}\n{role}")
    text += f'[[policies]]\nname = "p"\ngroups = ["g"]\ntargets = {targets}\nactions = {actions}\n'
    try:
        loads(text.encode(), "/etc/hoopwire.toml", files=False)
    except ConfigError as error:
        return [f"{problem.key}: {problem.what}" for problem in error.problems]
    return []


@pytest.mark.parametrize("actions", ['["query"]', '["query", "function-call"]', '["function-call"]'])
def test_classes_alone_cannot_make_a_role(actions: str) -> None:
    [problem] = found(actions)
    assert problem.startswith("policies[0].targets[0]: ")
    assert "needs exact grants" in problem


def test_what_fits_is_no_problem() -> None:
    assert found('["select on public.*", "listen"]') == []
    assert found('["query"]', role="") == []
    assert found('["query"]', targets='["payroll"]') == []
