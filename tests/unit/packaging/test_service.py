"""There was no unit for a service manager, and no container file: each operator wrote his own."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hoopwire.model.settings import GatewaySettings

HERE = Path(__file__).parents[3] / "packaging"
UNIT = HERE / "systemd/hoopwire.service"
CONTAINER = HERE / "container/Containerfile"
ANALYZE = shutil.which("systemd-analyze")
needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def settings() -> dict[str, str]:
    return dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"[A-Z]\w+=", line))


@needs_analyze
def test_systemd_has_nothing_to_say_of_the_unit(tmp_path):
    """With a program that is there: the unit names where hoopwire would be."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/local/bin/hoopwire", "/bin/true"))
    done = subprocess.run([ANALYZE, "verify", copy], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []


@needs_analyze
def test_the_unit_gives_away_little():
    done = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True
    )
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    if found is None:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert float(found[1]) <= 2.0, done.stdout


def test_a_stop_is_given_the_time_that_it_takes():
    """`gateway.drain` is all of a stop (R18), and systemd kills after TimeoutStopSec."""
    unit = settings()
    assert int(unit["TimeoutStopSec"].removesuffix("s")) >= GatewaySettings(audience="a").drain + 5
    assert (unit["Type"], unit["KillSignal"], unit["User"]) == ("notify", "SIGTERM", "hoopwire")
    assert int(unit["WatchdogSec"].removesuffix("s")) >= 10
    assert "-HUP" in unit["ExecReload"]


def test_the_container_is_nobody_and_stops_by_sigterm():
    """Nothing here can build it: the lines that matter are looked at."""
    lines = [line for line in CONTAINER.read_text().splitlines() if line and not line.startswith(("#", " "))]
    words = [line.split(None, 1)[0] for line in lines]
    known = "FROM WORKDIR COPY RUN ENV USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD"
    assert set(words) <= set(known.split(" "))
    images = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert all(re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-\w+", image) for image in images)
    assert [line for line in lines if line.startswith(("USER", "STOPSIGNAL"))] == [
        "USER 10001:10001",
        "STOPSIGNAL SIGTERM",
    ]
    assert 'ENTRYPOINT ["hoopwire"]' in lines, "as the first process it gets the signals itself"
    assert not re.search(r"(?i)password|secret|token", CONTAINER.read_text())
