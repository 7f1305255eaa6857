"""What a compiled grant opens at an ssh target.

Field names are the contract with `rust/ssh/policy/src/rights.rs`.
"""

import msgspec


class CompiledSsh(msgspec.Struct, frozen=True, kw_only=True, tag="ssh"):
    """The rights of a grant on an ssh target."""

    actions: tuple[str, ...]
    """Canonical texts without presets: the engine reads them and decides by them."""
    action_texts: tuple[str, ...] = ()
    """The grant's actions as texts, for refusals."""
    own: tuple[str, ...] = ()
    """`HOST:PORT` where the gateway listens, as the target would reach it: nothing is forwarded there."""
