"""Checks of a policy on ssh targets: its actions are words of ssh, and nothing in it is PostgreSQL's."""

from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, quoted
from hoopwire.model.action import ActionError
from hoopwire.model.settings import PolicySettings
from hoopwire.model.ssh.actions import Action, rights_in
from hoopwire.model.ssh.grammar import parse_action

OF_POSTGRES = ("deny", "masks", "masks_must_match")
"""Keys of a policy that say nothing of ssh."""
MOST_RIGHTS = 5_000
"""What presets stand for counts, too: each login under a policy goes through all of them."""


def check_ssh_policy(key: Key, policy: PolicySettings, report: Report) -> None:
    """What the policy says, each entry of `actions` at its place."""
    for name in OF_POSTGRES:
        if (*key, name) in report:
            report.add((*key, name), "is for PostgreSQL: on an ssh target what no action gives is refused")
    if (*key, "budgets", "rows") in report:
        report.add((*key, "budgets", "rows"), "is for PostgreSQL: ssh has no rows")
    if (*key, "limits", "idle_in_transaction") in report:
        report.add((*key, "limits", "idle_in_transaction"), "is for PostgreSQL: ssh has no transactions")
    if (*key, "actions") not in report:
        report.add(key, 'an ssh target has no actions by default: name `actions`, for example ["operate"]')
        return
    if not policy.actions:
        report.add((*key, "actions"), "name at least one action")
    found: set[Action] = set()
    for index, text in enumerate(policy.actions):
        try:
            action = parse_action(text)
        except ActionError as error:
            report.add((*key, "actions", index), f"{error}, at character {error.column}", error.nearest)
            continue
        if action in found:
            report.add((*key, "actions", index), f"{quoted(text)} is listed twice")
        found.add(action)
    if (rights := rights_in(found)) > MOST_RIGHTS:
        words = f"has {rights} rights in its actions; at most {MOST_RIGHTS}: write patterns"
        report.add((*key, "actions"), words)
