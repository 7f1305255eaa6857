"""Waiting for something to become true, and the audit events that a gateway has printed."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hoopwire.demo.gateway import RunningGateway

Found = TypeVar("Found")


def wait_for(look: Callable[[], Found], what: str, *, timeout_s: float = 60.0) -> Found:
    """The first true answer of `look`. AssertionError with `what` if there is none in time."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)
    return found


def audit_events(gateway: RunningGateway, kind: str, **fields: Any) -> list[dict[str, Any]]:
    """Audit events of one kind in the gateway's output whose fields have these values, oldest first."""
    # The last line may be half written.
    lines = gateway.log.rpartition("\n")[0].split("\n")
    events = [json.loads(line) for line in lines if line.startswith("{")]
    wanted = {"kind": kind} | fields
    return [event for event in events if all(event.get(name) == value for name, value in wanted.items())]


def wait_for_audits(gateway: RunningGateway, kind: str, count: int, **fields: Any) -> list[dict[str, Any]]:
    """All such audit events, oldest first, once there are `count`: they follow what a client sees."""
    return wait_for(
        lambda: events if len(events := audit_events(gateway, kind, **fields)) >= count else [],
        f"{count} audit events {kind} {fields}",
    )


def wait_for_audit(gateway: RunningGateway, kind: str, **fields: Any) -> dict[str, Any]:
    """The newest such audit event, once there is one."""
    return wait_for_audits(gateway, kind, 1, **fields)[-1]
