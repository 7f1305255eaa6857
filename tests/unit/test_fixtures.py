"""An upgrade must not lose what an earlier build wrote: store, recordings and config of each are opened.

`support.make_fixture` makes a folder once for each release; none is ever changed or taken out.
"""

import json
import shutil
from pathlib import Path

import pytest

from hoopwire import __version__
from hoopwire.cli import main
from hoopwire.config import load
from hoopwire.store import SecretHasher, SqliteStore
from hoopwire.store import backup as copies

HERE = Path(__file__).parents[1] / "fixtures"
VERSIONS = sorted(path.name for path in HERE.iterdir() if path.is_dir())
NOW = 1_900_000_000.0


@pytest.fixture(params=VERSIONS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy: git keeps no modes, and what opens it may bring it up to date."""
    copy = tmp_path / request.param
    shutil.copytree(HERE / request.param, copy)
    for path in copy.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return copy


def test_this_version_is_among_them():
    assert __version__ in VERSIONS


async def test_its_store_opens_with_all_that_was_in_it(written):
    expected = json.loads((written / "expected.json").read_text())
    state = written / "state"
    state.mkdir()
    copies.restore(written / "store", state)
    store = await SqliteStore.open(state / "hoopwire.sqlite", NOW)
    try:
        grants = {grant.id: grant for grant in await store.grants()}
        assert sorted(grants) == expected["grants"]
        revoked = grants[expected["revoked"]]
        assert (revoked.state, revoked.ended_reason) == ("revoked", "a fixture")
        assert revoked.used.rows > 0
        assert [mask.column for mask in revoked.masks] == ["email"]
        hasher = SecretHasher.open(state / "secret.key")
        found = await store.grant_by_secret(hasher.hash(expected["secret"]))
        assert found is not None
        assert (found.id, found.task) == (expected["minted"], "fixture")
        [lock] = await store.locks(in_force=True)
        assert (lock.principal, lock.reason) == (expected["locked"], "a fixture")
        kinds = {row.kind for row in await store.audit()}
        assert {"grant.minted", "grant.revoked", "principal.locked", "session.ended"} <= kinds
    finally:
        await store.close()


def test_its_recordings_verify_and_say_what_they_said(written, capsys):
    expected = json.loads((written / "expected.json").read_text())
    recordings = str(written / "recordings")
    capsys.readouterr()
    words = ["--key", str(written / "recording.pub"), "--checkpoints", str(written / "checkpoints")]
    assert main(["recordings", "verify", recordings, *words]) == 0, capsys.readouterr()
    capsys.readouterr()
    assert main(["recordings", "list", "--path", recordings, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    for before, now in zip(expected["sessions"], listed, strict=True):
        # What is told of a session may grow; what was told stays.
        assert {name: now[name] for name in before} == before
        assert main(["recordings", "show", before["session"], "--path", recordings]) == 0
    shown = capsys.readouterr().out
    assert "select id, email from customers" in shown
    assert "items" in shown


def test_its_config_file_is_valid(written):
    """A setting that was there may not be gone, nor mean something else by its name alone."""
    settings = load(written / "hoopwire.toml", files=False)
    assert settings.policies
    assert settings.targets
