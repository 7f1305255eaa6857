"""Asks a running gateway over HTTP, one method a verb, and decodes its answers into Structs of model/api.py.

Knows how the two HTTP APIs are spoken; must never know how the gateway does what it is asked.
"""

from hoopwire.client.answers import Refused, Unreachable, Unreadable
from hoopwire.client.operators import Operators
from hoopwire.client.public import AddressUnusable, AuthorityUnusable, request_grant, ssh_place

__all__ = [
    "AddressUnusable",
    "AuthorityUnusable",
    "Operators",
    "Refused",
    "Unreachable",
    "Unreadable",
    "request_grant",
    "ssh_place",
]
