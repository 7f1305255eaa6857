"""The words of every refusal that the control plane itself gives to a principal.

Codes are stable. Faults: `not_authorized` the credential is real but buys nothing here, `not_authenticated`
it could not be verified, `ended` from our side, `unavailable` try again later. Each protocol has its own code
for each.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from hoopwire.custody import LeaseFailed
from hoopwire.model.commands import Refusal
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant, GrantState
from hoopwire.model.lock import Lock
from hoopwire.store import GrantEnded

NEW_TOKEN = "Ask your identity provider for a new access token and connect again."  # noqa: S105
ASK_OPERATORS = "Ask the operators of this gateway before you connect again."
SECRET_PROMPT = "Grant secret: "  # noqa: S105 - a question
DEVICE_PROMPT = "Then press Enter (or paste a grant secret): "
CERTIFICATE = "Get a certificate with your access token: hoopwire ssh-cert."
_SESSIONS_NAMED = 5
NEW_GRANT = "Ask for a new grant (hoopwire grants request) with a new access token."


def stamp(at: float) -> str:
    """Unix seconds as people read them, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ended(grant: Grant) -> str:
    """How and when `grant` ended, as a clause: `expired at ...`."""
    return _ended(grant.state, grant.ended_at if grant.ended_at is not None else grant.expires_at)


def _ended(state: GrantState, at: float) -> str:
    if state == "revoked":
        return f"was revoked at {stamp(at)}"
    if state == "exhausted":
        return f"was used up at {stamp(at)}"
    return f"expired at {stamp(at)}"


def _way_back(by: str, otherwise: str) -> str:
    """Whom an operator has cut off is not told how to come back."""
    return ASK_OPERATORS if by.startswith("operator") else otherwise


def refusal(denial: Denial) -> Refusal:
    """A denial as the engine says it; the precise reason goes to the audit event only."""
    return Refusal(
        fault=denial.fault,
        message=denial.message,
        detail=denial.detail,
        hint=denial.hint,
        reason=denial.code,
    )


def with_contact(denial: Denial, contact: str) -> Denial:
    """The denial with whom to turn to, if the config file names somebody."""
    if not contact:
        return denial
    hint = f"{denial.hint} Contact: {contact}".strip()
    return msgspec.structs.replace(denial, hint=hint)


def token_refused(code: str, message: str, hint: str, internal: str) -> Denial:
    """`identity` refused the token. Without a hint the code would say what the text must not."""
    busy = code in ("keys_unavailable", "key_not_known_yet")
    return Denial(
        fault="unavailable" if busy else "not_authorized",
        code=code if hint else "token_refused",
        message=message,
        hint=hint or "Send a valid access token of a configured issuer as the password.",
        internal=f"{code}: {internal}",
    )


def token_spent(grant: Grant, why: str) -> Denial:
    """The ledger says that this token bought `grant` already."""
    if why == "once":
        detail = f"It bought grant {grant.id}, which allows one connection (token_reuse = once)."
    elif why == "other_target":
        detail = f"It bought grant {grant.id} for target {grant.target}."
    elif why == "explicit":
        detail = f"It bought grant {grant.id}, good until {stamp(grant.expires_at)}."
    else:
        detail = f"It bought grant {grant.id}, which {ended(grant)}."
    return Denial(
        fault="not_authorized",
        code="token_spent",
        message="this access token has already been used",
        detail=detail,
        hint=_way_back(grant.ended_by, NEW_TOKEN),
        internal=f"token spent ({why}) on {grant.id}, which is {grant.state}",
    )


def token_ended(end: GrantEnded) -> Denial:
    """The same of a grant whose end the store does not know yet."""
    return Denial(
        fault="not_authorized",
        code="token_spent",
        message="this access token has already been used",
        detail=f"It bought grant {end.id}, which {_ended(end.state, end.at)}.",
        hint=_way_back(end.by, NEW_TOKEN),
        internal=f"token spent (ended) on {end.id}, which is {end.state}; the store does not know yet",
    )


def principal_locked(lock: Lock) -> Denial:
    """Operators shut the principal out. Why is theirs to know, and nothing here says how to come back."""
    until = "until it is lifted" if lock.until is None else f"until {stamp(lock.until)}"
    return Denial(
        fault="not_authorized",
        code="principal_locked",
        message=f"{lock.principal} is locked by the operators of this gateway, do not retry",
        detail="code: principal_locked",
        hint="Stop here: no other token, grant or target helps. A person has to ask the operators.",
        internal=f"locked by {lock.by}: {lock.reason} ({lock.id}, {until})",
    )


def locked(lock: Lock) -> Refusal:
    """The last words of a session whose principal was locked."""
    denial = principal_locked(lock)
    return Refusal(
        fault="ended",
        message=denial.message,
        detail=denial.detail,
        hint=denial.hint,
        closed_by="operator",
        reason=denial.internal,
    )


def ended_before(end: GrantEnded) -> Refusal:
    """What newcomers are told of a grant whose end an earlier run could not write into the store."""
    return Refusal(
        fault="ended",
        message=f"grant {end.id} {_ended(end.state, end.at)}",
        hint=_way_back(end.by, NEW_GRANT),
        reason=f"{end.state} by {end.by}: {end.reason}",
    )


def grant_over(grant: Grant) -> Denial:
    """A secret whose grant has ended."""
    why = grant.ended_reason if grant.state == "exhausted" else ""
    return Denial(
        fault="not_authorized",
        code="grant_over",
        message=f"grant {grant.id} {ended(grant)}",
        detail=f"{why[:1].upper()}{why[1:]}." if why else "",
        hint=_way_back(grant.ended_by, NEW_GRANT),
        internal=f"grant is {grant.state} by {grant.ended_by or 'time'}: {grant.ended_reason}",
    )


def used_up(grant: Grant) -> Refusal:
    """What newcomers are told from the moment a grant is used up. `grant` is as it ended."""
    return msgspec.structs.replace(refusal(grant_over(grant)), reason=grant.ended_reason)


def database_withdrawn(grant: Grant, database: str) -> Denial:
    """A grant that was narrowed under a session that uses what it lost."""
    first = grant.databases[0]
    is_ssh = grant.protocol == "ssh"
    part = "login" if is_ssh else "database"
    way = f"ssh {first}@{grant.target}@GATEWAY" if is_ssh else f"dbname={grant.target}/{first}"
    return Denial(
        fault="not_authorized",
        code="login_not_granted" if is_ssh else "database_not_granted",
        message=f'grant {grant.id} no longer opens {part} "{database}"',
        detail=f"It opens {', '.join(grant.databases)}.",
        hint=f"Connect with one of these, for example {way}.",
        internal=f"narrowed away from {database}",
    )


def token_at_ssh() -> Denial:
    """A JWT at SSH's password prompt, which takes 1,023 bytes and cuts the rest off in silence."""
    return Denial(
        fault="not_authenticated",
        code="token_not_here",
        message="an access token cannot be an SSH password",
        detail="The prompt takes 1,023 bytes and cuts off the rest.",
        hint=f"{CERTIFICATE} Or take a grant secret (hoopwire grants request) as the password.",
        internal="an access token as an SSH password",
    )


def password_unknown() -> Denial:
    """A password at an SSH listener that is no grant secret."""
    return Denial(
        fault="not_authenticated",
        code="password_unknown",
        message="the password is not a grant secret",
        hint=f"Grant secrets begin with hw1_ (hoopwire grants request). Or: {CERTIFICATE}",
        internal="neither secret nor certificate",
    )


def certificate_refused(code: str, message: str, hint: str, internal: str) -> Denial:
    """`identity` refused the certificate."""
    return Denial(
        fault="not_authenticated",
        code=code,
        message=message,
        hint=hint or "Ask the operators of this gateway.",
        internal=f"certificate: {internal}",
    )


def certificate_unbound(why: str) -> Denial:
    """A certificate that our CA has signed, for a grant that is not opened by it."""
    return Denial(
        fault="not_authorized",
        code="certificate_unbound",
        message="the certificate opens no grant",
        hint=CERTIFICATE,
        internal=why,
    )


def certificates_not_made() -> Denial:
    """A certificate is asked for, and there is no CA to sign it."""
    return Denial(
        fault="unavailable",
        code="certificates_not_made",
        message="this gateway makes no SSH certificates",
        hint="Leave `ssh_public_key` out: the grant's secret is the password.",
        internal="ssh.agents_ca is not configured",
    )


def replication_not_granted(grant: Grant) -> Denial:
    """A replication connection under a grant without that action."""
    return Denial(
        fault="not_granted",
        code="actions_not_granted",
        message="replication is not granted to you on this target",
        detail=f"Grant {grant.id} allows: {'; '.join(grant.actions)}.",
        hint="Ask the gateway's operator for a policy with the action replication.",
        internal="replication asked for",
    )


def replication_unnamed() -> Denial:
    """Physical replication up to PostgreSQL 16: its tools put `replication` in place of any `dbname`."""
    return Denial(
        fault="not_authorized",
        code="replication_unnamed",
        message='the database "replication" does not say which target is meant',
        detail="PostgreSQL's replication tools up to version 16 send this name whatever they are given.",
        hint="Ask for a grant with the action replication (hoopwire grants request) and send its secret"
        " as the password: the grant names the target.",
        internal="physical replication with a token, which names no target",
    )


def grant_unknown() -> Denial:
    """The words of `access.renew` for a grant of somebody else: ids are not to be probed."""
    return Denial(
        fault="not_authorized",
        code="grant_unknown",
        message="no such grant of yours",
        hint="Renew a grant with a token of the same identity.",
        internal="renewal of a grant that does not exist",
    )


def secret_unknown() -> Denial:
    """A well-formed secret that opens nothing."""
    return Denial(
        fault="not_authenticated",
        code="secret_unknown",
        message="the grant secret was not accepted",
        hint=NEW_GRANT,
        internal="no grant has this secret",
    )


def secret_malformed(why: str) -> Denial:
    """Not a whole `hw1_` secret."""
    return Denial(
        fault="not_authenticated",
        code="secret_malformed",
        message="the grant secret was not accepted",
        detail=f"{why[:1].upper()}{why[1:]}.",
        hint="Copy it again, whole, as it was shown when the grant was made.",
        internal=why,
    )


def password_empty() -> Denial:
    """Nothing was sent as the password."""
    return Denial(
        fault="not_authenticated",
        code="password_empty",
        message="no access token or grant secret was sent",
        hint="Send an access token, or a grant secret (hw1_...), as the password.",
        internal="empty password",
    )


def credential_misplaced() -> Denial:
    """A token or secret as the database or the task: it would be logged, so nothing of it is repeated."""
    return Denial(
        fault="not_authorized",
        code="credential_misplaced",
        message="a credential was sent where a name belongs",
        hint="Send the token or grant secret as the password; dbname is the target. Get a new one: names are"
        " not kept secret on their way.",
        internal="the database or the task looks like a credential",
    )


def sessions_exceeded(grant: Grant, live: int) -> Denial:
    """The grant's own session limit."""
    return Denial(
        fault="too_many",
        code="sessions_exceeded",
        message=f"grant {grant.id} allows {grant.max_sessions} sessions at a time",
        detail=f"{live} are open.",
        hint="Close one, or lower the size of your connection pool.",
        internal=f"{live} of {grant.max_sessions} sessions",
    )


def principal_sessions_exceeded(grant: Grant, sessions: Sequence[str]) -> Denial:
    """The limit of sessions of one principal at one target. `sessions` are the live ones, oldest first."""
    limit, live = grant.limits.sessions, len(sessions)
    named = ", ".join(sessions[:_SESSIONS_NAMED]) + (", ..." if live > _SESSIONS_NAMED else "")
    return Denial(
        fault="too_many",
        code="principal_sessions_exceeded",
        message=f"you may have {limit} {'session' if limit == 1 else 'sessions'} at a time at target"
        f" {grant.target}",
        detail=f"{live} {'is' if live == 1 else 'are'} live: {named} (policy {grant.policy},"
        " limits.sessions).",
        hint="Close one, or lower the size of your connection pools. A session whose client is gone ends by"
        " itself; gateway operators can end one, too.",
        internal=f"{live} of {limit} sessions of {grant.principal.key} at {grant.target}",
    )


def store_unavailable(internal: str) -> Denial:
    """Fail closed: without the ledger nobody knows what a token has bought."""
    return Denial(
        fault="unavailable",
        code="store_unavailable",
        message="the gateway cannot reach its grant store, so it admits nobody",
        hint="Try again in a minute; if it stays, tell the operators of this gateway.",
        internal=internal,
    )


def lease_failed(failed: LeaseFailed) -> Denial:
    """Custody has no credential or address for the target; its words."""
    return Denial(
        fault=failed.fault,
        code="lease_failed",
        message=failed.message,
        hint=failed.hint,
        internal=failed.internal,
    )


def role_not_made(internal: str) -> Denial:
    """The target runs sessions under roles of their own, and this grant's could not be made."""
    return Denial(
        fault="target_unreachable",
        code="role_not_made",
        message="the gateway cannot make this grant's role at the target at the moment",
        hint="Try again later; the gateway's operator finds the reason in the log.",
        internal=f"{internal} (role = ephemeral: does the target's user have CREATEROLE and grant options?)",
    )


def role_needs_exact_grants(grant: Grant) -> Denial:
    """`query` says nothing that a role's privileges could be made from."""
    return Denial(
        fault="not_authorized",
        code="role_needs_exact_grants",
        message=f"policy {grant.policy} does not say which relations target {grant.target} may be used for",
        detail="Sessions on this target run under a role with exactly the grant's privileges.",
        hint="Ask the gateway's operators for a policy with exact actions, such as select on public.*.",
        internal=f"policy {grant.policy} grants query on a target with role = ephemeral",
    )


def admission_late(limit_s: float) -> Denial:
    """Identity, store or custody took too long."""
    return Denial(
        fault="unavailable",
        code="admission_late",
        message="the gateway could not decide in time",
        hint="Try again; if it stays, tell the operators of this gateway.",
        internal=f"admission took more than {limit_s:g} s",
    )


def admission_failed(internal: str) -> Denial:
    """A bug of ours; it still must end in a refusal."""
    return Denial(
        fault="internal",
        code="internal_error",
        message="the gateway failed to decide",
        hint="Tell the operators of this gateway; their log says why.",
        internal=internal,
    )


def draining() -> Denial:
    """The gateway is stopping."""
    return Denial(
        fault="unavailable",
        code="draining",
        message="the gateway is stopping",
        hint="Connect again in a moment.",
        internal="draining",
    )


def revoked(grant: str, by: str, reason: str) -> Refusal:
    """The last words of a session whose grant (by id) was revoked. `reason` is an operator's own text."""
    return Refusal(
        fault="ended",
        message=f"grant {grant} was revoked",
        detail=f"Reason: {reason}." if reason else "",
        hint=_way_back(by, NEW_GRANT),
        closed_by="operator" if by.startswith("operator") else "gateway",
        reason=f"revoked by {by}: {reason}" if reason else f"revoked by {by}",
    )


def session_ended(by: str, reason: str) -> Refusal:
    """The last words of one session that an operator ended; its grant lives on."""
    return Refusal(
        fault="ended",
        message="an operator ended this session",
        detail=f"Reason: {reason}." if reason else "",
        hint="Connect again, or ask the operators of this gateway.",
        closed_by="operator",
        reason=f"ended by {by}: {reason}" if reason else f"ended by {by}",
    )


def expired(grant: Grant) -> Refusal:
    """The last words of a session whose time is over, should the engine not have said them already."""
    return Refusal(
        fault="ended",
        message=f"grant {grant.id} expired at {stamp(grant.expires_at)}",
        hint=NEW_TOKEN,
        reason="the grant expired",
    )


def regrant_failed(grant: Grant) -> Refusal:
    """The last words of a session that could not be narrowed."""
    return Refusal(
        fault="ended",
        message=f"grant {grant.id} changed and this session could not follow",
        hint="Connect again.",
        reason="regrant failed",
    )


def policy_narrowed(denial: Denial) -> Refusal:
    """The last words of a session in a database that its grant, which lives on, no longer opens."""
    return Refusal(
        fault="ended",
        message=denial.message,
        detail=denial.detail,
        hint=denial.hint,
        reason=f"policy changed: {denial.code}",
    )


def policy_cut(grant: Grant, denial: Denial) -> Refusal:
    """The last words of a session that the reloaded policy no longer gives."""
    return Refusal(
        fault="ended",
        message=f"grant {grant.id} was revoked: the policy no longer gives it",
        detail=denial.message,
        hint=denial.hint,
        reason=f"policy changed: {denial.code}",
    )


def device_instruction(target: str, page: str, code: str) -> str:
    """What somebody is asked who comes to log in with a browser."""
    return f"To log in to {target}, open {page} in a browser and confirm the code {code}."


def device_busy() -> Denial:
    """The limits of logins with a browser."""
    return Denial(
        fault="too_many",
        code="device_busy",
        message="too many logins with a browser are under way, try again in a minute",
        hint=f"A grant secret is taken all the same. Or: {CERTIFICATE}",
        internal="limit of logins with a browser",
    )


def device_unavailable(internal: str) -> Denial:
    """The issuer gives no code, or no token."""
    return Denial(
        fault="unavailable",
        code="device_unavailable",
        message="the issuer does not answer, so nobody can log in with a browser at the moment",
        hint=f"Try again in a minute. A grant secret is taken all the same. Or: {CERTIFICATE}",
        internal=internal,
    )


def device_over() -> Denial:
    """Nobody confirmed."""
    return Denial(
        fault="not_authenticated",
        code="device_code_over",
        message="the code was not confirmed in time",
        hint="Connect again: you are shown a new one.",
        internal="the device code is over",
    )


def device_denied() -> Denial:
    """The person said no."""
    return Denial(
        fault="not_authenticated",
        code="device_denied",
        message="the login was refused in the browser",
        hint="Connect again and confirm the code, if it was you who connected.",
        internal="access_denied",
    )


def device_not_person(internal: str) -> Denial:
    """An agent's token by the road of people."""
    return Denial(
        fault="not_authorized",
        code="device_not_person",
        message="only people log in with a browser",
        hint=f"Agents have tokens of their own. {CERTIFICATE}",
        internal=internal,
    )


def device_other_token(internal: str) -> Denial:
    """The issuer answered with a token that is not for us."""
    return Denial(
        fault="not_authorized",
        code="device_other_token",
        message="the issuer gave a token that is not for this gateway",
        hint="Tell the operators of this gateway.",
        internal=internal,
    )
