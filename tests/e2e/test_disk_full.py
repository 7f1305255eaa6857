"""No room on the recording volume: sessions end with a clear error, and all goes on once there is room.

A recorder that met a full disk dropped itself and let the session go on unrecorded.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoopwire.demo.gateway import RunningGateway
from support.frontend import Frontend
from support.volume import VOLUME_MB, fill, small_volume


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    with small_volume(tmp_path / "volume") as mount:
        yield mount


def test_full_volume(pg, issuer, agent, delivered, volume: Path) -> None:
    """Fill it up under a live session; free it; connect again; verify, and compare digests."""
    settings = {"recording": {"directory": str(volume / "recordings"), "segment": "1MiB", "floor": "1MiB"}}
    with RunningGateway(pg, issuer.issuer, settings=settings) as gateway:
        live = Frontend(gateway.host, gateway.port)
        live.login(agent(), ca=gateway.ca, application_name="until-full")
        assert live.rows("select 'room'") == [("room",)]
        filler = fill(volume)
        # The open segment has its room already: statements fill it, and then there is no next one.
        last = None
        with live:
            deadline = time.monotonic() + 60
            while last is None:
                assert time.monotonic() < deadline, "the session outlived the volume"
                replies = live.query(f"select length('{'t' * 20_000}')")
                last = next((reply for reply in replies if reply.kind == b"E"), None)
            assert last.fields["S"] == "FATAL"
            assert last.sqlstate in ("53100", "58030", "57P01", "57P03"), last.fields
            assert "record" in last.fields["M"]
            assert live.rest() == b""
            received = bytes(live.received)
        refused = gateway.psql(agent(), "orders", "select 1")
        assert refused.code == 2
        assert "FATAL" in refused.err
        assert "record" in refused.err
        filler.unlink()
        deadline = time.monotonic() + 60
        while not (done := gateway.psql(agent(), "orders", "select 'back'")).ok:
            assert time.monotonic() < deadline, done.err
            time.sleep(0.5)
        assert done.out == "back"
        gateway.stop()
        verified = gateway.verify()
        assert verified.ok, verified
        delivered(gateway)["until-full"].assert_covers(received)
        assert "panic" not in gateway.log.lower()


def test_below_the_floor_nobody_is_admitted(pg, issuer, agent, volume: Path) -> None:
    """Less room than the floor: a login is refused before anything is opened at the target."""
    settings = {
        "recording": {
            "directory": str(volume / "recordings"),
            "segment": "1MiB",
            "floor": f"{VOLUME_MB * 2}MiB",
        }
    }
    with RunningGateway(pg, issuer.issuer, settings=settings) as gateway:
        refused = gateway.psql(agent(), "orders", "select 1")
        assert refused.code == 2
        assert "FATAL" in refused.err
        assert "record" in refused.err
