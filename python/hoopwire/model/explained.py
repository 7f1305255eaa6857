"""The engine's decision on each statement of a text: decoded from MessagePack, printed by `hoopwire explain`.

Field names are the contract with `_engine.explain`.
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
