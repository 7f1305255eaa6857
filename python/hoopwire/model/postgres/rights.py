"""What a compiled grant opens at a PostgreSQL target.

Field names are the contract with `rust/bindings/src/postgres.rs`.
"""

import msgspec

from hoopwire.model.grant import Mask


class CompiledRule(msgspec.Struct, frozen=True, kw_only=True, rename={"excluded": "except"}):
    """`VERBS on OBJECTS except EXCEPT`; objects are (schema, name), `*` in them is any run of characters."""

    verbs: tuple[str, ...]
    objects: tuple[tuple[str, str], ...]
    excluded: tuple[tuple[str, str], ...] = ()


class CompiledRules(msgspec.Struct, frozen=True, kw_only=True):
    """What statement-exact actions come to."""

    allow: tuple[CompiledRule, ...]
    deny: tuple[CompiledRule, ...]
    words: tuple[str, ...]
    search_path: tuple[str, ...]
    read_only: bool


class CompiledPostgres(msgspec.Struct, frozen=True, kw_only=True, tag="postgres"):
    """The rights of a grant on a PostgreSQL target."""

    actions: tuple[str, ...]
    """Classes only: `query`, or `statements` with `rules`; and `function-call`, `replication`."""
    rules: CompiledRules | None = None
    action_texts: tuple[str, ...] = ()
    """The grant's actions as texts, for refusals."""
    masks: tuple[Mask, ...] = ()
    masks_must_match: bool = False
    """The session ends where a mask matches no column of the target."""
    mask_key: bytes = b""
    """32 bytes that masks of kind `hash` are keyed with; empty without masks. A secret."""
    target_id: str = ""
    """Stable id of target and database, `TARGET/DATABASE`: what the engine keeps a catalogue for."""
    idle_in_transaction_s: float | None = None
    """How long a session may be silent in a transaction."""

    def __repr__(self) -> str:
        return f"CompiledPostgres(target_id={self.target_id!r}, ...)"
