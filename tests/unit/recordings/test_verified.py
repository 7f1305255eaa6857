"""What `recordings verify` says of untampered recordings: untampered (R5, R6, R7).

With the engine's own verifier.
"""

import os
import shutil
import signal

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hoopwire.cli import main
from hoopwire.control.engine import verify_recordings
from hoopwire.model.plain import is_odd
from hoopwire.recordings import ring, segment_files, sign_change, verified
from hoopwire.recordings.checkpoints import whole_lines
from support.segments import Stream, private_pem, public_pem

OLD, NEW, NEWEST = (Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)) for seed in (1, 2, 3))


def change(old, new) -> str:
    return sign_change(old, new.public_key(), 1_800_000_000_000_000)


def verify(directory, keys=(OLD,), changes=(), checkpoints=None):
    keys = ring([public_pem(key) for key in keys], changes)
    return verified(str(directory), keys, checkpoints, verify_recordings)


def kinds(report) -> list[str]:
    return [finding.kind for finding in report.findings]


@pytest.fixture
def stream(tmp_path):
    return Stream(tmp_path / "recordings")


@pytest.fixture
def recordings(tmp_path, stream):
    """Three sealed segments."""
    for number in range(3):
        stream.segment([f"select {number}"], OLD)
    return tmp_path / "recordings"


class TestTornCheckpoints:
    """A short write was taken for success, the next line glued on; verify called it tampering (R5)."""

    @pytest.mark.parametrize("where", [0, 1, 2])
    def test_at_every_byte(self, recordings, stream, where) -> None:
        whole = "\n".join(stream.checkpoints) + "\n"
        assert verify(recordings, checkpoints=whole).complete
        lines = stream.checkpoints
        cuts = range(len(lines[where])) if where == 1 else range(0, len(lines[where]), 17)
        for cut in cuts:
            torn = lines[where][:cut]
            for behind in ("\n", ""):
                if not (cut or behind):
                    continue
                text = "\n".join([*lines[:where], torn + behind + "\n".join(lines[where:])])
                cleaned, numbers = whole_lines(text)
                assert sorted(cleaned.split()) == sorted("\n".join(lines).split()), torn
                assert numbers == ([where + 1] if cut else [])

    def test_it_is_a_note(self, recordings, stream) -> None:
        lines = stream.checkpoints
        text = f"{lines[0]}\n{lines[1][:100]}{lines[1]}\n{lines[2]}\n"
        report = verify(recordings, checkpoints=text)
        assert (report.ok, report.complete, report.checkpoints) == (True, True, 3)
        assert kinds(report) == ["torn_checkpoint"]
        assert "line 2" in report.findings[0].text

    def test_zeros_of_a_crash(self, recordings, stream) -> None:
        report = verify(recordings, checkpoints="\n".join(stream.checkpoints) + "\n" + "\0" * 4096)
        assert (report.ok, report.checkpoints) == (True, 3)

    @pytest.mark.parametrize(
        "changed",
        [
            lambda line: line.replace("offset=", "offset=1"),
            lambda line: line[:-10] + "AAAAAAAA==",
            lambda line: line.replace(" frame=", " fram="),
            lambda line: "x" + line[:50],
            lambda line: line + " and more",
            lambda line: line.replace("hoopwire", "Hoopwire"),
        ],
    )
    def test_what_was_changed_still_fails(self, recordings, stream, changed) -> None:
        text = "\n".join([*stream.checkpoints[:2], changed(stream.checkpoints[2])])
        report = verify(recordings, checkpoints=text)
        assert not report.ok
        assert "bad_checkpoint" in kinds(report)

    def test_a_cut_tail_is_seen_by_a_line_that_is_glued_on(self, recordings, stream) -> None:
        os.remove(stream.folder / "0000000003.hwr")
        lines = stream.checkpoints
        report = verify(recordings, checkpoints=f"{lines[0]}\n{lines[1][:70]}{lines[1]}{lines[2]}\n")
        assert "tail_cut" in kinds(report)


class TestRelease:
    def test_a_middle_segment_is_refused(self, recordings, stream, capsys, tmp_path) -> None:
        """A middle segment was released, and verify failed for ever (R6)."""
        middle = stream.folder / "0000000002.hwr"
        assert main(["recordings", "release", str(middle)]) == 1
        assert "0000000001.hwr is older and still there" in capsys.readouterr().err
        assert verify(recordings).complete

    def test_several_at_once_go_oldest_first(self, recordings, stream, capsys) -> None:
        """In whatever order a shell lists them (R6)."""
        files = [str(stream.folder / f"000000000{number}.hwr") for number in (2, 1)]
        assert main(["recordings", "release", *files]) == 0
        report = verify(recordings, checkpoints="\n".join(stream.checkpoints))
        assert report.ok
        assert kinds(report) == ["earlier_absent"]
        # What lies in spare/ is no segment of anything.
        assert [file.name for file in segment_files(stream.folder)] == ["0000000003.hwr"]

    def test_a_gap_within_the_list_is_refused(self, recordings, stream, capsys) -> None:
        """What is refused is refused before anything younger goes (R6)."""
        stream.segment(["select 4"], OLD)
        files = [str(stream.folder / f"000000000{number}.hwr") for number in (1, 3)]
        assert main(["recordings", "release", *files]) == 1
        assert (stream.folder / "0000000002.hwr").exists()
        assert (stream.folder / "0000000003.hwr").exists()
        assert verify(recordings).ok


class TestOddFiles:
    """What lies among recordings, or is given as a key, need not be what its name says (R23)."""

    @pytest.mark.parametrize("number", [2, 9])
    @pytest.mark.parametrize("suffix", [".hwr", ".open"])
    def test_a_fifo_named_like_a_segment(self, recordings, stream, capsys, tmp_path, number, suffix) -> None:
        """It was waited for, for ever (R23)."""
        (tmp_path / "key").write_text(public_pem(OLD))
        fifo = stream.folder / f"{number:010}{suffix}"
        if fifo.exists():
            fifo.unlink()
        os.mkfifo(fifo)
        signal.alarm(60)
        try:
            assert main(["recordings", "verify", str(recordings), "--key", str(tmp_path / "key")]) == 2
            assert "it is no regular file" in capsys.readouterr().err
            assert main(["recordings", "verify", str(fifo), "--key", str(tmp_path / "key")]) == 2
            for command in (["list"], ["show", "s_01"]):
                assert main(["recordings", *command, "--path", str(recordings)]) == 1
                said = capsys.readouterr()
                assert "is passed over: it is no regular file" in said.err
                assert "select 0" in said.out or "s_01" in said.out
        finally:
            signal.alarm(0)

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
    def test_a_device_given_as_a_key(self, recordings, device, capsys) -> None:
        """/dev/zero was read until memory was full (R23)."""
        assert main(["recordings", "verify", str(recordings), "--key", device]) == 2
        assert "it is a device" in capsys.readouterr().err
        assert main(["recordings", "verify", str(recordings), "--key", "/dev/null"]) == 2

    def test_a_key_that_is_large_or_no_text(self, recordings, tmp_path, capsys) -> None:
        (tmp_path / "key").write_bytes(b"\xff" * 70_000)
        command = ["recordings", "verify", str(recordings), "--key", str(tmp_path / "key")]
        assert main(command) == 2
        assert "larger than 64.0 KiB" in capsys.readouterr().err
        (tmp_path / "key").write_bytes(b"\xff\0" * 100)
        assert main(command) == 2
        assert "no public key" in capsys.readouterr().err

    def test_a_sparse_file_of_8_gib(self, recordings, stream, capsys) -> None:
        """`list` accepted it (R23)."""
        os.truncate(stream.folder / "0000000002.hwr", 8 << 30)
        assert main(["recordings", "list", "--path", str(recordings)]) == 1
        said = capsys.readouterr()
        assert "larger than any segment" in said.err
        assert "s_03" in said.out

    def test_characters_that_a_terminal_obeys(self, recordings, stream, capsys) -> None:
        """`show --json` printed CSI, direction marks and line separators raw (R23)."""
        odd = "\u009b2J \u202e \u2028 \x7f \U000e0041 \x1b[2J"
        stream.segment([f"select '{odd}'"], OLD)
        for command in (["show", "s_04", "--json"], ["show", "s_04"], ["list"], ["list", "--json"]):
            assert main(["recordings", *command, "--path", str(recordings)]) == 0
            said = capsys.readouterr().out
            assert not [each for each in said if is_odd(each) and each != "\n"], command
            if command == ["show", "s_04", "--json"]:
                texts = [msgspec.json.decode(line).get("text") for line in said.splitlines()]
                assert f"select '{odd}'" in texts


class TestKeyChange:
    """A directory that spans a change of the key verified with neither key (R7)."""

    @pytest.fixture
    def spanning(self, tmp_path):
        for number in (0, 1):
            stream = Stream(tmp_path / "spanning", number=number)
            for key in (OLD, OLD, NEW, NEW):
                stream.segment(["select 1"], key)
        self.lines = "\n".join(stream.checkpoints)
        return tmp_path / "spanning"

    def test_both_keys(self, spanning) -> None:
        for keys in ((OLD, NEW), (NEW, OLD), (NEW, NEWEST, OLD)):
            report = verify(spanning, keys, checkpoints=self.lines)
            assert report.complete, report.findings
            assert [stream.seals for stream in report.streams] == [4, 4]
            assert report.checkpoints == 4
        assert not verify(spanning, (OLD,)).ok
        assert not verify(spanning, (NEW, NEWEST)).ok

    def test_a_signed_change_leads_from_the_old_key_to_the_new_one(self, spanning) -> None:
        report = verify(spanning, (OLD,), [change(NEW, NEWEST), change(OLD, NEW)], self.lines)
        assert report.complete
        assert report.checkpoints == 4

    @pytest.mark.parametrize(
        "line",
        [
            change(NEWEST, NEW),
            change(OLD, NEW).replace("time=1", "time=2"),
            change(OLD, NEW)[:-90] + change(OLD, NEWEST)[-90:],
            change(OLD, NEW)[:-1],
            "hoopwire-key-change-v1",
        ],
    )
    def test_a_change_that_the_old_key_has_not_signed_leads_nowhere(self, spanning, line) -> None:
        with pytest.raises(ValueError, match="key change"):
            verify(spanning, (OLD,), [line])

    def test_what_the_old_key_seals_afterwards_fails(self, spanning, tmp_path) -> None:
        """Keys are replaced because somebody else may have them."""
        forged = Stream(tmp_path / "forged")
        for key in (OLD, NEW, OLD, NEW):
            forged.segment(["select 1"], key)
        for report in (
            verify(tmp_path / "forged", (OLD, NEW)),
            verify(tmp_path / "forged", (OLD,), [change(OLD, NEW)]),
        ):
            assert kinds(report) == ["replaced_key"]
            assert report.findings[0].segment == 3
            assert not report.ok
        # By the change it is seen, also where nothing of the first key is left.
        shutil.copytree(tmp_path / "forged", tmp_path / "late")
        os.remove(tmp_path / "late/s0/0000000001.hwr")
        assert not verify(tmp_path / "late", (OLD,), [change(OLD, NEW)]).ok

    @pytest.mark.parametrize("place", [-200, 200])
    def test_what_fails_by_its_own_key_fails(self, spanning, place) -> None:
        """Of a seal and of a block."""
        for number in (2, 3):
            file = spanning / f"s0/000000000{number}.hwr"
            content = bytearray(file.read_bytes())
            content[place] ^= 1
            copy = file.read_bytes()
            file.write_bytes(content)
            assert not verify(spanning, (OLD, NEW)).ok
            file.write_bytes(copy)
        assert verify(spanning, (OLD, NEW)).ok

    def test_the_commands(self, spanning, tmp_path, capsys, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        old = tmp_path / "recording.key"
        old.write_text(private_pem(OLD))
        (tmp_path / "recording.pub").write_text(public_pem(OLD))
        (tmp_path / "new.pub").write_text(public_pem(NEW))
        (tmp_path / "new.change").write_text(change(OLD, NEW) + "\n")
        made = main(["keygen", "recording", "--out", "recording-2.key", "--replaces", "recording.key"])
        assert made == 0
        assert "recording-2.change" in capsys.readouterr().out
        command = ["recordings", "verify", "spanning", "--key", "recording.pub"]
        assert main(command) == 1
        assert main([*command, "--key", "new.pub"]) == 0
        assert main([*command, "--key-change", "new.change"]) == 0
        assert main([*command, "--key-change", "new.change", "--key-change", "recording-2.change"]) == 0
        assert main([*command, "--key-change", "new.pub"]) == 2
        assert main(["keygen", "recording", "--out", "x.key", "--replaces", "recording.pub"]) == 2
        assert "no private key" in capsys.readouterr().err
