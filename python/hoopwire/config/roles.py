"""Checks between policies and targets that run sessions under a role made for each grant."""

from hoopwire.config.problem import Report, quoted
from hoopwire.model.grant import ACTION_CLASSES
from hoopwire.model.settings import PolicySettings, PostgresTarget, TargetSettings


def check_roles(
    policies: tuple[PolicySettings | None, ...],
    targets: dict[str, TargetSettings | None],
    report: Report,
) -> None:
    """A role's privileges are made from exact grants: what says nothing exact can have none there."""
    for index, policy in enumerate(policies):
        if policy is None or policy.effect == "deny":
            continue
        for place, pattern in enumerate(policy.targets):
            target = targets.get(pattern.partition("/")[0])
            if not isinstance(target, PostgresTarget) or target.role != "ephemeral":
                continue
            key = ("policies", index, "targets", place)
            if "query" in policy.actions or all(action in ACTION_CLASSES for action in policy.actions):
                report.add(
                    key,
                    f"{quoted(pattern)} has role = ephemeral, which needs exact grants: `select on public.*`"
                    " and the like, not `query`",
                )
