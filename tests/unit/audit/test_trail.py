"""Audit events: to the sink at once, to the store in batches, and never a secret."""

import io
import stat

import msgspec
import pytest
import trio

from hoopwire.audit import AuditEvent, AuditTrail, FileSink, StreamSink, grant_event
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Principal

NOW = 1_800_000_000.25


def event(number=0):
    return AuditEvent(kind="session.denied", at=NOW, count=number)


class Kept:
    def __init__(self):
        self.batches = []
        self.broken = False

    async def __call__(self, events):
        await trio.lowlevel.checkpoint()
        if self.broken:
            raise OSError("disk full")
        self.batches.append(list(events))

    @property
    def all(self):
        return [event for batch in self.batches for event in batch]


def test_a_line_has_utc_time_and_no_empty_fields():
    line = msgspec.json.decode(event(3).line())
    assert line == {"time": "2027-01-15T08:00:00.250Z", "at": NOW, "kind": "session.denied", "count": 3}


def test_a_line_break_in_a_name_does_not_forge_a_second_event():
    line = AuditEvent(kind="session.denied", at=NOW, reason='x\n{"kind":"forged"}').line()
    assert b"\n" not in line


def test_a_grant_event_names_the_identity_by_its_keys():
    grant = Grant(
        id="g_1",
        principal=Principal(issuer="https://id/", kind="ai_agent", cid="0oaA", uid="00uB", actors=("0oaC",)),
        evidence=Evidence(jti="j", kid="k", iat=1, exp=2),
        mint="implicit",
        target="orders",
        upstream_user="u",
        databases=("orders",),
        actions=("query",),
        policy="p",
        policy_hash="h",
        minted_at=1.0,
        expires_at=2.0,
    )
    line = msgspec.json.decode(grant_event("grant.minted", NOW, grant).line())
    wanted = {"iss": "https://id/", "cid": "0oaA", "uid": "00uB", "jti": "j", "kid": "k", "act": ["0oaC"]}
    assert wanted.items() <= line.items()


async def test_a_flood_is_kept_in_few_batches(nursery):
    """One synced commit for each refused connection let a port scan set the pace of every mint."""
    kept, sink = Kept(), io.BytesIO()
    trail = AuditTrail(StreamSink(sink), kept, now=lambda: NOW)
    nursery.start_soon(trail.run)
    for number in range(1500):
        trail.record(event(number))
    with trio.fail_after(60):
        while len(kept.all) < 1500:  # noqa: ASYNC110 - a condition of the test
            await trio.sleep(0.01)
    assert len(kept.batches) <= 5
    assert [kept_event.count for kept_event in kept.all] == list(range(1500))
    assert len(sink.getvalue().splitlines()) == 1500


async def test_what_the_store_refuses_is_tried_again_in_order():
    kept = Kept()
    kept.broken = True
    trail = AuditTrail(StreamSink(io.BytesIO()), kept, now=lambda: NOW)
    trail.record(event(1))
    await trail.flush()
    assert kept.all == []
    trail.record(event(2))
    kept.broken = False
    await trail.flush()
    assert [kept_event.count for kept_event in kept.all] == [1, 2]


async def test_loss_is_counted_and_said(caplog):
    kept, sink = Kept(), io.BytesIO()
    trail = AuditTrail(StreamSink(sink), kept, now=lambda: NOW, capacity=2)
    for number in range(5):
        trail.record(event(number))
    await trail.flush()
    assert [(kept_event.kind, kept_event.count) for kept_event in kept.all] == [
        ("session.denied", 0),
        ("session.denied", 1),
        ("audit.lost", 3),
    ]
    assert len(sink.getvalue().splitlines()) == 6, "the sink has all five, and the loss"


async def test_mirrored_events_are_not_kept_twice():
    kept, sink = Kept(), io.BytesIO()
    trail = AuditTrail(StreamSink(sink), kept, now=lambda: NOW)
    trail.mirror(event())
    await trail.flush()
    assert kept.all == []
    assert sink.getvalue()


async def test_a_sink_that_fails_stops_nothing(caplog):
    class Broken:
        def write(self, line):
            raise OSError("no space left")

        def close(self):
            pass

    kept = Kept()
    trail = AuditTrail(Broken(), kept, now=lambda: NOW)
    trail.record(event())
    await trail.flush()
    assert len(kept.all) == 1
    assert "no space left" in caplog.text


def test_an_audit_file_is_private_and_appended_to(tmp_path):
    path = tmp_path / "audit.jsonl"
    for number in range(2):
        sink = FileSink(str(path))
        sink.write(event(number).line())
        sink.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("name", ["token", "credential", "password", "secret"])
def test_no_field_could_hold_a_secret(name):
    assert not any(name in field for field in AuditEvent.__struct_fields__)
