"""The engine's decision on each statement of a text, or on an action of ssh, as `hoopwire explain` prints it.

Decoded from MessagePack; field names are the contract with `_engine.explain` and `_engine.explain_action`.
"""

import msgspec


class ExplainedRelation(msgspec.Struct, frozen=True, array_like=True):
    """A relation and what is done to it; no schema where it is not known without the target's catalogue."""

    schema: str | None
    name: str
    verbs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class ExplainedFunction(msgspec.Struct, frozen=True, array_like=True):
    """A function that is called."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class ExplainedStatement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement's decision. `code`, `message`, `detail`, `hint` are those of the refusal."""

    command: str
    """`SELECT`; empty if the text could not be read, or need not be."""
    start: int
    """Its first byte in the text (UTF-8)."""
    end: int
    allow: bool
    code: str = ""
    message: str = ""
    detail: str = ""
    hint: str = ""
    relations: tuple[ExplainedRelation, ...] = ()
    functions: tuple[ExplainedFunction, ...] = ()


class ExplainedAction(msgspec.Struct, frozen=True, kw_only=True):
    """One decision on an ssh target. `code`, `message`, `detail`, `hint` are those of the refusal."""

    allow: bool
    by: str = ""
    """The action of the grant that covers it, presets taken apart."""
    words: tuple[str, ...] = ()
    """Of a command: as every shell reads it; empty if shells do not agree."""
    code: str = ""
    message: str = ""
    detail: str = ""
    hint: str = ""
