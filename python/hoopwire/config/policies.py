"""Checks of `[[policies]]`: every name in them must be there, every limit sane."""

import re

from hoopwire.config.issuers import is_principal_key
from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, nearest, quoted
from hoopwire.model.settings import IssuerSettings, PolicySettings, TargetSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_MIN_TTL_S = 30
_MAX_TTL_S = 3600


def check_policies(
    policies: tuple[PolicySettings | None, ...],
    issuers: dict[str, IssuerSettings | None] | None,
    targets: dict[str, TargetSettings | None] | None,
    report: Report,
) -> None:
    """Each policy against the issuers and targets; none for those means that the file's could not be read."""
    names: set[str] = set()
    for index, policy in enumerate(policies):
        if policy is None:
            continue
        key: Key = ("policies", index)
        if not _NAME.fullmatch(policy.name):
            report.add(
                (*key, "name"),
                "must be 1 to 63 letters, digits, `_`, `.` or `-`, with a letter or digit first",
            )
        if policy.name in names:
            report.add((*key, "name"), f"there is a policy {quoted(policy.name)} above")
        names.add(policy.name)
        _check_who(key, policy, issuers, report)
        _check_what(key, policy, targets, report)
        _check_limits(key, policy, report)


def _check_who(
    key: Key, policy: PolicySettings, issuers: dict[str, IssuerSettings | None] | None, report: Report
) -> None:
    if not policy.groups and not policy.principals:
        report.add(key, "is for nobody: name `groups` or `principals`")
    for index, group in enumerate(policy.groups):
        if not group:
            report.add((*key, "groups", index), "an empty group name")
        elif group in policy.groups[:index]:
            report.add((*key, "groups", index), f"{quoted(group)} is listed twice")
    for index, principal in enumerate(policy.principals):
        if not is_principal_key(principal):
            report.add((*key, "principals", index), "is no principal key; write cid:CLIENT_ID or uid:USER_ID")
        elif principal in policy.principals[:index]:
            report.add((*key, "principals", index), f"{quoted(principal)} is listed twice")
    if issuers is None:
        return
    if policy.issuer is not None and policy.issuer not in issuers:
        report.add(
            (*key, "issuer"), f"unknown issuer {quoted(policy.issuer)}", nearest(policy.issuer, issuers)
        )
    if policy.principals and policy.issuer is None and len(issuers) > 1:
        report.add(
            (*key, "issuer"),
            "required with `principals`, since several issuers are configured: the same id at another issuer "
            "is someone else",
        )


def _check_what(
    key: Key, policy: PolicySettings, targets: dict[str, TargetSettings | None] | None, report: Report
) -> None:
    if not policy.targets:
        report.add((*key, "targets"), "name at least one target")
    for index, pattern in enumerate(policy.targets):
        if pattern in policy.targets[:index]:
            report.add((*key, "targets", index), f"{quoted(pattern)} is listed twice")
        elif targets is not None:
            _check_pattern((*key, "targets", index), pattern, targets, report)
    if not policy.actions:
        report.add((*key, "actions"), "name at least one action")
    for index, action in enumerate(policy.actions):
        if action in policy.actions[:index]:
            report.add((*key, "actions", index), f"{quoted(action)} is listed twice")


def _check_pattern(key: Key, pattern: str, targets: dict[str, TargetSettings | None], report: Report) -> None:
    name, slash, database = pattern.partition("/")
    if name == "*":
        report.add(key, "name each target: a policy does not grow by itself when a target is added")
        return
    if name not in targets:
        close = nearest(name, targets)
        if close is not None and slash:
            there = targets[close]
            rest = database if there is None or database == "*" else nearest(database, there.databases)
            close = f"{close}/{rest}" if rest else close
        report.add(key, f"unknown target {quoted(name)}", close)
        return
    target = targets[name]
    if not slash or database == "*" or target is None or database in target.databases:
        return
    close = nearest(database, target.databases)
    report.add(key, f"target {quoted(name)} has no database {quoted(database)}", close and f"{name}/{close}")


def _check_limits(key: Key, policy: PolicySettings, report: Report) -> None:
    if not _MIN_TTL_S <= policy.ttl <= _MAX_TTL_S:
        report.add((*key, "ttl"), "must be from 30s to 1h")
    if not 1 <= policy.max_sessions <= 10_000:
        report.add((*key, "max_sessions"), "must be from 1 to 10000")
