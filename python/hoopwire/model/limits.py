"""Makes a grant's limits of a policy's, and takes the stricter of two."""

from hoopwire.model.grant import Limits
from hoopwire.model.settings import PolicyLimitSettings
from hoopwire.model.units import Seconds


def policy_limits(settings: PolicyLimitSettings) -> Limits:
    """The limits of a policy as a grant has them."""
    return Limits(
        idle_s=_seconds(settings.idle),
        idle_in_transaction_s=_seconds(settings.idle_in_transaction),
        sessions=settings.sessions,
    )


def stricter_limits(one: Limits, other: Limits) -> Limits:
    """Of each limit the smaller."""
    fields = {}
    for name in Limits.__struct_fields__:
        limits = [limit for limit in (getattr(one, name), getattr(other, name)) if limit is not None]
        fields[name] = min(limits) if limits else None
    return Limits(**fields)


def limit_texts(limits: Limits) -> tuple[str, ...]:
    """As a person reads them: `idle 900 s`, `5 sessions`."""
    texts = []
    if limits.idle_s is not None:
        texts.append(f"idle {limits.idle_s:g} s")
    if limits.idle_in_transaction_s is not None:
        texts.append(f"idle in transaction {limits.idle_in_transaction_s:g} s")
    if limits.sessions is not None:
        texts.append(f"{limits.sessions} sessions of the principal at the target")
    return tuple(texts)


def _seconds(setting: Seconds | None) -> float | None:
    return None if setting is None else float(setting)
