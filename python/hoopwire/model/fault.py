"""What kind of fault a denial or an ending is; each protocol says it in codes of its own.

The words are those of `rust/grant/src/fault.rs`; tests/architecture compares them.
"""

from typing import Literal

Fault = Literal[
    "expired",
    "ended",
    "not_authorized",
    "not_authenticated",
    "not_granted",
    "over_limit",
    "too_many",
    "invalid",
    "broke_protocol",
    "target_lost",
    "target_unreachable",
    "unavailable",
    "not_recorded",
    "internal",
]
