"""Checks of `[[policies]]`: every name in them must be there, every limit sane."""

import re
from collections.abc import Callable
from typing import TypeVar

from hoopwire.config.issuers import is_principal_key
from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, nearest, quoted
from hoopwire.config.ssh_actions import check_ssh_policy
from hoopwire.model.action import ActionError
from hoopwire.model.grant import Mask, Protocol
from hoopwire.model.postgres.actions import Action, ActionClass, Rule, Word, expand, names_in
from hoopwire.model.postgres.grammar import MIXED, parse_action, parse_deny
from hoopwire.model.postgres.obligations import MaskError, make_mask
from hoopwire.model.settings import IssuerSettings, PolicySettings, TargetSettings
from hoopwire.model.ssh.hosts import found

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_T = TypeVar("_T")
DENY_KEYS = ("name", "effect", "reason", "groups", "principals", "issuer", "who", "targets")
"""What a policy with effect = "deny" may say."""
_REASON_CHARACTERS = 200
_WRITES = ("insert", "update")
GUESSED = (
    "can be written by whoever has this policy: a guess is inserted, its hash read, and compared with every"
    " column that is masked so. Give all of them `compare = true`, use another kind than hash, or deny insert"
    " and update"
)
"""Of a hashed column that may be written."""
MOST_NAMES = 5_000
"""Each login under a policy goes through all of them, here and in the engine."""
_MIN_TTL_S = 30
_MAX_TTL_S = 3600
_MIN_IDLE_S = 1
_MOST_SESSIONS = 10_000


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
        _check_where(key, policy, targets, report)
        if policy.effect == "deny":
            _check_deny(key, policy, report)
            continue
        if policy.reason:
            report.add((*key, "reason"), 'has no effect without effect = "deny"')
        if _protocol(key, policy, targets or {}, report) == "ssh":
            check_ssh_policy(key, policy, report)
        else:
            _check_actions(key, policy, report)
        _check_budgets((*key, "budgets"), policy, report)
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


def _check_where(
    key: Key, policy: PolicySettings, targets: dict[str, TargetSettings | None] | None, report: Report
) -> None:
    if not policy.targets:
        report.add((*key, "targets"), "name at least one target")
    for index, pattern in enumerate(policy.targets):
        if pattern in policy.targets[:index]:
            report.add((*key, "targets", index), f"{quoted(pattern)} is listed twice")
        elif targets is not None and not (pattern == "*" and policy.effect == "deny"):
            _check_pattern((*key, "targets", index), pattern, targets, report)


def _protocol(
    key: Key, policy: PolicySettings, targets: dict[str, TargetSettings | None], report: Report
) -> Protocol:
    """What the policy's targets speak: its actions are words of one language."""
    first: tuple[str, Protocol] | None = None
    for index, pattern in enumerate(policy.targets):
        name = pattern.partition("/")[0]
        target = _named(name, targets)
        if target is None:
            continue
        if first is None:
            first = name, target.protocol
        elif target.protocol != first[1]:
            report.add(
                (*key, "targets", index),
                f"{quoted(name)} speaks {target.protocol}, and {quoted(first[0])} {first[1]}: their actions"
                " are of other words, so give each a policy of its own",
            )
    return "postgres" if first is None else first[1]


def _check_deny(key: Key, policy: PolicySettings, report: Report) -> None:
    """Nothing narrows a deny but who and where: what stands beside it would be read as if it did."""
    for name in PolicySettings.__struct_fields__:
        if name not in DENY_KEYS and (*key, name) in report:
            report.add(
                (*key, name),
                'cannot stand beside effect = "deny", which refuses whatever is asked for; take it out, or to'
                " refuse some actions only, write them as `deny` into the policy that allows",
            )
    if len(policy.reason) > _REASON_CHARACTERS:
        report.add((*key, "reason"), f"must be at most {_REASON_CHARACTERS} characters")


def _check_actions(key: Key, policy: PolicySettings, report: Report) -> None:
    """Actions, what is denied of them, and the masks that they must not get around: of PostgreSQL."""
    if not policy.actions:
        report.add((*key, "actions"), "name at least one action")
    actions = _parsed((*key, "actions"), policy.actions, parse_action, report)
    denied = _parsed((*key, "deny"), policy.deny, parse_deny, report)
    classes = {index: action.name for index, action in actions.items() if isinstance(action, ActionClass)}
    for index, name in classes.items():
        if len(classes) < len(actions):
            report.add((*key, "actions", index), MIXED[name])
    if classes and policy.deny:
        name = next(iter(classes.values()))
        report.add((*key, "deny"), f"has no effect with `{name}`, which is not read")
    if (names := names_in(actions.values(), denied.values(), policy.masks)) > MOST_NAMES:
        words = f"has {names} names in its actions, denies and masks; at most {MOST_NAMES}: write patterns"
        report.add((*key, "actions"), words)
    _check_masks((*key, "masks"), policy, actions, tuple(denied.values()), report)


def _parsed(key: Key, texts: tuple[str, ...], parse: Callable[[str], _T], report: Report) -> dict[int, _T]:
    """What each text says, by its index; problems are reported."""
    found: dict[int, _T] = {}
    seen: set[_T] = set()
    for index, text in enumerate(texts):
        try:
            parsed = parse(text)
        except ActionError as error:
            report.add((*key, index), f"{error}, at character {error.column}", error.nearest)
            continue
        if parsed in seen:
            report.add((*key, index), f"{quoted(text)} is listed twice")
        seen.add(parsed)
        found[index] = parsed
    return found


def _check_masks(
    key: Key, policy: PolicySettings, actions: dict[int, Action], denied: tuple[Rule, ...], report: Report
) -> None:
    if not policy.masks:
        if policy.masks_must_match:
            report.add((*key[:-1], "masks_must_match"), "has no effect without `masks`")
        return
    for action in actions.values():
        if isinstance(action, ActionClass) or action in (Word(name="do"), Word(name="define-code")):
            report.add(
                key, f"cannot stand beside the action `{action}`, which reads columns where nobody sees it"
            )
    columns: set[tuple[str, str, str]] = set()
    hashed: dict[str, Mask] = {}
    for text, settings in policy.masks.items():
        if settings is None:
            continue
        try:
            mask = make_mask(text, settings)
        except ActionError as error:
            report.add((*key, text), f"{error}, at character {error.column}", error.nearest)
            continue
        except MaskError as error:
            report.add((*key, text, error.field) if error.field else (*key, text), str(error))
            continue
        column = (mask.schema, mask.relation, mask.column)
        if column in columns:
            report.add((*key, text), f"{quoted(text)} is masked twice")
        columns.add(column)
        if mask.kind == "hash":
            hashed[text] = mask
    # Equal values of one policy have equal hashes: whoever may write one can guess at all of them.
    if all(mask.compare for mask in hashed.values()):
        return
    rules = expand(tuple(actions.values())).rules
    for text, mask in hashed.items():
        written = {verb for rule in rules for verb in _WRITES if _names(rule, verb, mask)}
        if written - {verb for rule in denied for verb in _WRITES if _names(rule, verb, mask)}:
            report.add((*key, text), GUESSED)


def _names(rule: Rule, verb: str, mask: Mask) -> bool:
    """Does the rule have the verb for the relation of the mask?"""
    matches = [pattern.matches(mask.schema, mask.relation) for pattern in rule.objects]
    excluded = [pattern.matches(mask.schema, mask.relation) for pattern in rule.excluded]
    return verb in rule.verbs and any(matches) and not any(excluded)


def _check_budgets(key: Key, policy: PolicySettings, report: Report) -> None:
    for name in ("rows", "bytes", "statements", "wall_time"):
        limit = getattr(policy.budgets, name)
        if limit is not None and not 0 < limit < 2**63:
            report.add((*key, name), "must be more than 0; leave it out for no limit")


def _check_pattern(key: Key, pattern: str, targets: dict[str, TargetSettings | None], report: Report) -> None:
    name, slash, database = pattern.partition("/")
    if name == "*":
        report.add(key, "name each target: a policy does not grow by itself when a target is added")
        return
    target = _named(name, targets)
    if target is None and name not in targets:
        close = nearest(name, targets)
        if close is not None and slash:
            there = targets[close]
            rest = database if there is None or database == "*" else nearest(database, there.parts)
            close = f"{close}/{rest}" if rest else close
        report.add(key, f"unknown target {quoted(name)}", close)
        return
    if not slash or database == "*" or target is None or database in target.parts:
        return
    close = nearest(database, target.parts)
    part = "database" if target.protocol == "postgres" else "login"
    report.add(key, f"target {quoted(name)} has no {part} {quoted(database)}", close and f"{name}/{close}")


def _named(name: str, targets: dict[str, TargetSettings | None]) -> TargetSettings | None:
    """A target, a block by its own name, or a host of one."""
    host = found(targets, name)
    return targets.get(name, host)


def _check_limits(key: Key, policy: PolicySettings, report: Report) -> None:
    if not _MIN_TTL_S <= policy.ttl <= _MAX_TTL_S:
        report.add((*key, "ttl"), "must be from 30s to 1h")
    if not 1 <= policy.max_sessions <= _MOST_SESSIONS:
        report.add((*key, "max_sessions"), f"must be from 1 to {_MOST_SESSIONS}")
    limits = policy.limits
    for name in ("idle", "idle_in_transaction"):
        limit = getattr(limits, name)
        if limit is not None and limit < _MIN_IDLE_S:
            report.add((*key, "limits", name), "must be at least 1s; leave it out for no limit")
    if limits.sessions is not None and not 1 <= limits.sessions <= _MOST_SESSIONS:
        report.add(
            (*key, "limits", "sessions"), f"must be from 1 to {_MOST_SESSIONS}; leave it out for no limit"
        )
    idle, in_transaction = limits.idle, limits.idle_in_transaction
    if idle is not None and in_transaction is not None and idle < in_transaction:
        report.add((*key, "limits", "idle_in_transaction"), "has no effect: `idle` is shorter")
