"""Whether anybody can be admitted, told by /readyz and by `hoopwire status`: R12, R13. With real faults."""

import dataclasses
import shutil
import sqlite3
import ssl

import httpx
import msgspec
import pytest
import trio

from hoopwire.control import health
from hoopwire.model.events import RecordingFailed, RecordingResumed
from hoopwire.model.units import Bytes

ISSUER = "https://id.example.test/oauth2/default"
replace = msgspec.structs.replace


@dataclasses.dataclass
class Keys:
    """What is known of an issuer's keys."""

    fetches: int = 1
    failures: int = 0
    keys: int = 2
    usable: bool = True
    age_s: float | None = 60.0
    last_error: str = ""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(health, "_LOOK_S", 0.02)
    monkeypatch.setattr(health, "_PROBE_S", 0.02)


async def readyz(house):
    context = ssl.create_default_context(cafile=house.settings.listen.tls.certificate)
    base = f"https://{house.running.control}"
    async with httpx.AsyncClient(verify=context, base_url=base, trust_env=False) as client:
        answer = await client.get("/readyz")
        alive = await client.get("/healthz")
    assert alive.status_code == 200, "to restart it would mend nothing"
    return answer.status_code, tuple(answer.json()["causes"])


async def status(house):
    transport = httpx.AsyncHTTPTransport(uds=house.running.admin_socket)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as admin:
        return (await admin.get("/v1/status")).json()


async def becomes(house, *causes: str) -> None:
    """Wait for exactly these."""
    wanted = (503 if causes else 200, causes)
    with trio.fail_after(60):
        while await readyz(house) != wanted:  # noqa: ASYNC110 - over HTTP, as a balancer asks
            await trio.sleep(0.02)


async def test_a_gateway_that_admits_is_ready(house):
    await becomes(house)
    assert (await status(house))["ready"]
    assert house.audited("gateway.not_ready") == []


async def test_it_is_not_ready_before_its_keys_are_known(make_house, start):
    """A balancer sent logins to a gateway that had no keys yet (R12)."""
    house = make_house()
    house.tokens.keys = {ISSUER: Keys(fetches=0, usable=False, age_s=None)}
    async with start(house):
        await becomes(house, "starting")
        house.tokens.keys[ISSUER] = Keys()
        await becomes(house)
        assert house.audited("gateway.not_ready") == []


async def test_a_store_that_another_process_holds(house):
    """The health check said ok while nobody could be admitted (R12): a locked store."""
    await becomes(house)
    other = sqlite3.connect(house.state / "hoopwire.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    await becomes(house, "store_unavailable")
    [cause] = (await status(house))["causes"]
    assert cause["cause"] == "store_unavailable"
    assert cause["detail"]
    other.execute("ROLLBACK")
    other.close()
    await becomes(house)
    assert [event["code"] for event in house.audited("gateway.not_ready")] == ["store_unavailable"]
    assert [event["code"] for event in house.audited("gateway.ready")] == ["store_unavailable"]


async def test_a_store_that_was_replaced(house):
    """The health check said ok while nobody could be admitted (R12): writes went nowhere."""
    await becomes(house)
    path = house.state / "hoopwire.sqlite"
    path.rename(path.with_name("away"))
    path.touch()
    await becomes(house, "store_unavailable")
    path.with_name("away").rename(path)
    await becomes(house)


@pytest.fixture
async def volume(tmp_path):
    """A volume of 32 MiB."""
    path = tmp_path / "volume"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(path)]
    if (await trio.run_process(mount, check=False, capture_stderr=True)).returncode:
        pytest.skip("no right to mount")
    yield path
    await trio.run_process(["umount", str(path)])


@pytest.fixture
def recording_to(make_house):
    """A house whose recordings go there, with a floor of 8 MiB."""

    def make(directory):
        house = make_house()
        recording = replace(house.settings.recording, directory=str(directory), floor=Bytes(8 << 20))
        house.settings = replace(house.settings, recording=recording)
        return house

    return make


async def test_a_full_volume_of_recordings(recording_to, start, volume):
    """The health check said ok while nobody could be admitted (R12): less room than recording.floor."""
    async with start(recording_to(volume)) as house:
        await becomes(house)
        (volume / "large").write_bytes(bytes(30 << 20))
        await becomes(house, "recording_no_room")
        (volume / "large").unlink()
        await becomes(house)


async def test_a_directory_of_recordings_that_is_gone(house):
    """The health check said ok while nobody could be admitted (R12): the directory was renamed."""
    shutil.rmtree(house.settings.recording.directory)
    await becomes(house, "recording_away")


async def test_a_read_only_volume(recording_to, start, volume):
    """The health check said ok while nobody could be admitted (R12): a volume that was remounted."""
    async with start(recording_to(volume)) as house:
        await becomes(house)
        await trio.run_process(["mount", "-o", "remount,ro", str(volume)])
        await becomes(house, "recording_away")
        await trio.run_process(["mount", "-o", "remount,rw", str(volume)])
        await becomes(house)


async def test_streams_that_cannot_be_written(house):
    """The health check said ok while nobody could be admitted (R12): each stream counts."""
    for stream in (0, 1):
        house.engine.push(RecordingFailed(stream=stream, error="EIO"))
    await becomes(house, "recording_failed")
    house.engine.push(RecordingResumed(stream=0))
    await becomes(house, "recording_failed")
    house.engine.push(RecordingResumed(stream=1))
    await becomes(house)


async def test_an_issuer_that_is_down(house):
    """The health check said ok while nobody could be admitted (R12): no keys of any issuer."""
    other = "https://other.example.test/"
    house.tokens.keys = {ISSUER: Keys(), other: Keys()}
    await becomes(house)
    house.tokens.keys[other] = Keys(usable=False, last_error="503", failures=9)
    await becomes(house)
    house.tokens.keys[ISSUER] = Keys(usable=False, last_error="timed out", failures=3)
    await becomes(house, "keys_unavailable")
    house.tokens.keys[other] = Keys()
    await becomes(house)


async def test_keys_that_cannot_be_fetched_are_told_at_once(house):
    """Failed for hours in silence, until after 24 hours nobody got in (R13)."""
    house.tokens.keys = {ISSUER: Keys(last_error="503 from the issuer", failures=1, age_s=600.0)}
    await house.settle(lambda: house.audited("keys.refresh_failed"))
    [event] = house.audited("keys.refresh_failed")
    assert (event["iss"], event["count"]) == (ISSUER, 1)
    assert event["reason"] == "503 from the issuer; those of 10 minutes ago are used"
    [issuer] = (await status(house))["issuers"]
    assert issuer["last_error"] == "503 from the issuer"
    await becomes(house)
    house.tokens.keys[ISSUER] = Keys(failures=1)
    await house.settle(lambda: house.audited("keys.refreshed"))
    assert len(house.audited("keys.refresh_failed")) == 1


async def test_and_again_after_an_hour(house, monkeypatch):
    """Said once it is forgotten (R13)."""
    monkeypatch.setattr(health, "_SAY_AGAIN_S", 0.05)
    house.tokens.keys = {ISSUER: Keys(last_error="503", failures=1)}
    await house.settle(lambda: len(house.audited("keys.refresh_failed")) >= 3)
