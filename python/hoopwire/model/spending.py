"""Compares what a grant has used with its budgets: the pairs to show, and which budget is used up."""

from hoopwire.model.grant import Budgets, Used
from hoopwire.model.statistics import SessionBudget

_ORDER = ("rows", "bytes", "wall_time_s", "statements")
"""As the engine looks (`Meter::exhausted`): of two that are used up, both name the same."""


def budget_use(budgets: Budgets, used: Used) -> SessionBudget:
    """Used and limit of each budget that there is."""
    pairs = ((name, getattr(used, name), getattr(budgets, name)) for name in Budgets.__struct_fields__)
    return SessionBudget(**{name: (count, limit) for name, count, limit in pairs if limit is not None})


def used_of(budget: SessionBudget) -> Used:
    """What was used, without the limits."""
    pairs = ((name, getattr(budget, name)) for name in Used.__struct_fields__)
    return Used(**{name: pair[0] for name, pair in pairs if pair is not None})


def most_used(one: Used, other: Used) -> Used:
    """Of each the larger: two counts of the same use, one older than the other."""
    return Used(**{name: max(getattr(one, name), getattr(other, name)) for name in Used.__struct_fields__})


def used_up(budget: SessionBudget) -> str | None:
    """The budget of which nothing is left, if any: `rows`, `bytes`, `wall_time_s` or `statements`."""
    for name in _ORDER:
        pair = getattr(budget, name)
        if pair is not None and pair[0] >= pair[1]:
            return name
    return None
