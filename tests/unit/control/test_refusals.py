"""Strangers fill neither the audit nor the store, and what is old is forgotten: R16."""

from pathlib import Path

import msgspec
import trio

from hoopwire.audit import AuditEvent
from hoopwire.cli import main
from hoopwire.control import refusals, retention
from hoopwire.control.refusals import Refusals
from hoopwire.model.events import ConnectionRefused
from hoopwire.model.units import Seconds
from hoopwire.store import AuditRow

DAY = 86_400.0


class Written:
    """What a Refusals writes, on a clock that a test sets."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.now = 0.0
        self.refusals = Refusals(self.events.append, lambda: self.now)

    def probe(self, peer: str, phase: str = "startup") -> None:
        self.refusals.take(ConnectionRefused(peer=peer, phase=phase, reason="closed", at=self.now))


def test_probes_of_a_balancer_are_counted():
    """5,000 TCP probes were 5,000 audit rows and log lines (R16)."""
    written = Written()
    for number in range(5000):
        written.probe(f"10.0.0.1:{number}")
    assert len(written.events) == 5
    written.refusals.write(written.now)
    assert len(written.events) == 5
    written.now += 3600
    written.refusals.write(written.now)
    [last] = written.events[5:]
    assert (last.kind, last.peer, last.count) == ("connection.refused", "10.0.0.1", 4995)
    assert last.reason == "4995 more, of 5000 within the hour: 4995 in phase startup"
    # The next hour's first are told of again.
    written.probe("10.0.0.1:1")
    assert written.events[-1].reason == "closed"


def test_addresses_are_bounded(monkeypatch):
    """A table for each address that ever came grows for ever (R16's kin)."""
    monkeypatch.setattr(refusals, "_ADDRESSES", 100)
    written = Written()
    for number in range(10_000):
        written.probe(f"[2001:db8::{number:x}]:1")
    assert len(written.refusals._seen) <= 101
    assert len(written.events) <= 101 * 5
    written.refusals.write(0, is_last=True)
    assert sum(event.count or 1 for event in written.events) == 10_000
    assert written.events[-1].peer == refusals.OTHERS


def test_one_address_hides_no_other():
    written = Written()
    for number in range(100):
        written.probe(f"10.0.0.1:{number}")
    written.probe("10.0.0.2:1", "tls")
    assert (written.events[-1].peer, written.events[-1].code) == ("10.0.0.2:1", "tls")


async def test_what_was_counted_is_written_at_the_stop(house):
    """Nothing that was counted is lost (R16)."""
    for number in range(20):
        event = ConnectionRefused(peer=f"10.0.0.9:{number}", phase="tls", reason="closed", at=house.wall.now)
        house.engine.push(event)
    await house.settle(lambda: len(house.audited("connection.refused")) == 5)
    house.running.stop()
    await house.settle(lambda: len(house.audited("connection.refused")) == 6)
    assert house.audited("connection.refused")[-1]["count"] == 15


async def test_the_settings_say_how_long_rows_are_kept(house, monkeypatch):
    """No retention (R16, I21): rows were kept for ever."""
    monkeypatch.setattr(retention, "_PAUSE_S", 0)
    now, store = house.wall.now, house.parts.store
    ages = (200, 100, 50, 1)
    await store.append_audit([AuditRow(at=now - days * DAY, kind=f"d{days}", body="{}") for days in ages])

    async def kept() -> set[str]:
        return {row.kind for row in await store.audit()} & {f"d{days}" for days in ages}

    await retention.forget(house.parts)
    assert await kept() == {"d50", "d1"}
    gateway = msgspec.structs.replace(house.settings.gateway, keep_audit=Seconds(0))
    house.settings = msgspec.structs.replace(house.settings, gateway=gateway)
    await house.running.reload()
    await retention.forget(house.parts)
    assert await kept() == {"d50", "d1"}
    gateway = msgspec.structs.replace(gateway, keep_audit=Seconds(2 * DAY))
    house.settings = msgspec.structs.replace(house.settings, gateway=gateway)
    await house.running.reload()
    await retention.forget(house.parts)
    assert await kept() == {"d1"}


async def test_backup_of_a_gateway_that_runs(house, tmp_path: Path, monkeypatch, capsys):
    """With a gateway that runs (R16)."""
    monkeypatch.setattr("hoopwire.cli.store.load", lambda path, files: house.settings)
    backup = str(tmp_path / "backup")
    assert await trio.to_thread.run_sync(main, ["store", "backup", backup]) == 0
    assert (tmp_path / "backup/hoopwire.sqlite").exists()
    assert await trio.to_thread.run_sync(main, ["store", "backup", backup]) == 1
    assert await trio.to_thread.run_sync(main, ["store", "restore", backup]) == 4
    assert "another gateway is running" in capsys.readouterr().err
