"""Makes a grant's masks and budgets of a policy's, and takes the stricter of two."""

import math
from functools import lru_cache
from typing import get_args

import msgspec

from hoopwire.model.grant import Budgets, Mask, MaskKind
from hoopwire.model.postgres.grammar import parse_column
from hoopwire.model.settings import BudgetSettings, MaskSettings, PolicySettings

MASK_KINDS: tuple[MaskKind, ...] = get_args(MaskKind)
_STRICTEST_FIRST: tuple[MaskKind, ...] = ("null", "fixed", "hash", "range", "partial")
_FIELDS: dict[MaskKind, tuple[str, ...]] = {
    "null": (),
    "fixed": ("value",),
    "hash": (),
    "partial": ("first", "last"),
    "range": ("step",),
}
_MOST_CHARACTERS = 1000


class MaskError(ValueError):
    """A mask that cannot be; `field` is the key at fault, or empty."""

    def __init__(self, what: str, field: str = "") -> None:
        super().__init__(what)
        self.field = field


@lru_cache(maxsize=16_384)
def make_mask(column: str, settings: MaskKind | MaskSettings) -> Mask:
    """The mask of `schema.relation.column`. ActionError for the column, MaskError for the rest."""
    schema, relation, name = parse_column(column)
    given = settings if isinstance(settings, MaskSettings) else MaskSettings(kind=settings)
    for field in ("value", "first", "last", "step"):
        if getattr(given, field) is not None and field not in _FIELDS[given.kind]:
            raise MaskError(f"has no effect with kind {given.kind}", field)
    if given.kind == "fixed" and given.value is None:
        raise MaskError('a fixed mask needs its text: { kind = "fixed", value = "***" }')
    first = 0 if given.first is None else given.first
    last = 4 if given.last is None else given.last
    if given.kind == "partial":
        for field, count in (("first", first), ("last", last)):
            if not 0 <= count <= _MOST_CHARACTERS:
                raise MaskError(f"must be from 0 to {_MOST_CHARACTERS}", field)
    else:
        first = last = 0
    step = 0.0 if given.step is None else float(given.step)
    if given.kind == "range" and (given.step is None or not math.isfinite(step) or step <= 0):
        where = "" if given.step is None else "step"
        raise MaskError('a range mask needs a step above 0: { kind = "range", step = 10 }', where)
    return Mask(
        schema=schema,
        relation=relation,
        column=name,
        kind=given.kind,
        value=given.value or "",
        first=first,
        last=last,
        step=step,
        compare=given.compare,
    )


def policy_masks(policy: PolicySettings) -> tuple[Mask, ...]:
    """The masks of a checked policy."""
    return tuple(make_mask(column, mask) for column, mask in policy.masks.items())


def policy_budgets(settings: BudgetSettings) -> Budgets:
    """The budgets of a policy as a grant has them."""
    wall_time = settings.wall_time
    return Budgets(
        rows=settings.rows,
        bytes=None if settings.bytes is None else int(settings.bytes),
        statements=settings.statements,
        wall_time_s=None if wall_time is None else float(wall_time),
    )


def stricter_masks(held: tuple[Mask, ...], now: tuple[Mask, ...]) -> tuple[Mask, ...]:
    """Every column that either masks, by the stricter of the two."""
    masks = {_column(mask): mask for mask in held}
    for mask in now:
        other = masks.get(_column(mask))
        masks[_column(mask)] = mask if other is None else _stricter_mask(other, mask)
    return tuple(masks.values())


def stricter_budgets(one: Budgets, other: Budgets) -> Budgets:
    """Of each budget the smaller."""
    fields = {}
    for name in Budgets.__struct_fields__:
        limits = [limit for limit in (getattr(one, name), getattr(other, name)) if limit is not None]
        fields[name] = min(limits) if limits else None
    return Budgets(**fields)


def _column(mask: Mask) -> tuple[str, str, str]:
    return mask.schema, mask.relation, mask.column


def _stricter_mask(held: Mask, now: Mask) -> Mask:
    compare = held.compare and now.compare
    if held.kind != now.kind:
        chosen = min(held, now, key=lambda mask: _STRICTEST_FIRST.index(mask.kind))
        return msgspec.structs.replace(chosen, compare=compare)
    return msgspec.structs.replace(
        now,
        first=min(held.first, now.first),
        last=min(held.last, now.last),
        step=max(held.step, now.step),
        compare=compare,
    )
