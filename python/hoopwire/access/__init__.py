"""Decides which grant the policies give an identity for a request: pure and synchronous.

Knows policy documents, matching and the compiled form; must never know tokens, the network or trio.
"""

from hoopwire.access.compile import compile_grant
from hoopwire.access.decide import Offer, decide, policy_hash
from hoopwire.access.explain import Explanation, PolicyAccount, explain, explain_identity
from hoopwire.access.footguns import Footgun, footguns
from hoopwire.access.match import granted_databases, issuer_name
from hoopwire.access.open import open_database
from hoopwire.access.prepare import is_long, prepare, prepare_grant
from hoopwire.access.regrant import regrant
from hoopwire.access.renew import renew
from hoopwire.access.request import (
    MIN_TTL_S,
    AccessRequest,
    looks_like_credential,
    parse_database,
    parse_user,
    printable,
)
from hoopwire.access.ssh import allowed_by, own_places, parse_ssh_user, user_names, without_task

__all__ = [
    "MIN_TTL_S",
    "AccessRequest",
    "Explanation",
    "Footgun",
    "Offer",
    "PolicyAccount",
    "allowed_by",
    "compile_grant",
    "decide",
    "explain",
    "explain_identity",
    "footguns",
    "granted_databases",
    "is_long",
    "issuer_name",
    "looks_like_credential",
    "open_database",
    "own_places",
    "parse_database",
    "parse_ssh_user",
    "parse_user",
    "policy_hash",
    "prepare",
    "prepare_grant",
    "printable",
    "regrant",
    "renew",
    "user_names",
    "without_task",
]
