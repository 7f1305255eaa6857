"""Ordinary commands under grants as people have them: through the gateway they give what they give straight.

Exit code, standard output and standard error are compared; a refusal is a bug as much as a bypass is.
"""

import os

import pytest

from .conftest import Routes

MASTER = ("-S", "ctl")
BINARY = bytes(range(256)) * 1024

# Under `exec` patterns.
WORKER = (
    "cat @files@/a.txt",
    "cat '@files@/a.txt'",
    'cat "@files@/a.txt"',
    "cat  @files@/a.txt ",
    "cat @files@//a.txt",
    "cat @files@/./a.txt",
    "cat @files@/tree/below/two",
    "cat @files@/nothing",
    "cat @files@/bytes",
    "cat @files@/empty",
    "head -n 2 @files@/a.txt",
    "tail -n 1 @files@/a.txt",
    "tail -n 200 @files@/a.txt",
    "grep -n -e two @files@/a.txt",
    "grep -n -e 'e 3' @files@/a.txt @files@/b.txt",
    "grep -n -e '^t.*[0-9]$' @files@/a.txt",
    "grep -n -e '$(id); `id` && {x} > y | #' @files@/a.txt",
    "grep -n -e none @files@/a.txt",
    "grep -c o @files@/a.txt",
    "wc -l @files@/a.txt @files@/b.txt",
    "sort @files@/a.txt",
    "sort -r @files@/a.txt",
    "uniq -c @files@/a.txt",
    "cut -d ',' -f 2 @files@/b.txt",
    "sed -n 1,3p @files@/a.txt",
    "awk '{print $1}' @files@/a.txt",
    "ls @files@",
    "ls -l @files@/a.txt @files@/b.txt",
    "ls -l '@files@/with blank'",
    'ls -l "@files@/with blank"',
    "find @files@ -name '*.txt'",
    "find @files@ -name two -type f",
    "stat -c '%s' @files@/bytes",
    "sha256sum @files@/bytes @files@/a.txt",
    "test -f @files@/a.txt",
    "test -f @files@/nothing",
    "printf hello",
    "printf 'a b'",
    "printf 'q\"q'",
    'printf "it\'s"',
    "printf '%s|'",
    "echo a b c d e f g h",
    "echo 'a  b' \"c  d\"",
    'echo "it\'s done" \'say "x"\'',
    "echo x=1 y:2 z,3 50% a+b user@host",
    "true",
    "false",
    *(f"sh @files@/code.sh {code}" for code in (0, 1, 2, 126, 127, 128, 137, 254, 255)),
    "sh @files@/streams.sh",
    "sh @files@/killed.sh",
    "base64 @files@/bytes",
    "date -u -d @0 +%Y",
    "basename /srv/www/index.html",
    "dirname /srv/www/index.html",
    "expr 6 '*' 7",
    "seq 10000",
    "nosuchprogram",
)
# Under the preset `operate`.
OPERATOR = (
    "hostname",
    "id",
    "uname -a",
    "cat @files@/a.txt",
    "cat @files@/tree/one",
    "cat @files@/nothing",
    "grep -n -e one @files@/a.txt",
    "grep -n -e 'o.*1' @files@/a.txt @files@/tree/a.txt",
    "head -n 1 @files@/a.txt",
    "tail -n 2 @files@/a.txt",
    "ls -l @files@/a.txt",
)
LIVELY = (
    "date",
    "df -h",
    "free -m",
    "ps aux",
    "ps -ef",
    "ss -ltn",
    "uptime",
    "who",
    "systemctl list-units --no-pager",
    "systemctl list-units --no-pager --failed",
    "systemctl status nginx",
    "systemctl status --no-pager sshd.service",
    "systemctl is-active getty@tty1.service",
    "journalctl --no-pager -n 5",
    "journalctl --no-pager -u ssh -n 100",
)
"""Whose output is another one each time: the exit code is compared."""
# Under the preset `shell`.
PERSON = (
    "echo $((6 * 7)); echo err >&2; exit 9",
    "for i in 1 2 3; do echo $i; done | tac",
    "cat @files@/a.txt | grep -c o && echo yes || echo no",
    "cd @files@ && ls *.txt",
    "cd @files@ && ls {a,b}.txt 2>/dev/null; true",
    "cat <<EOF\nline $((1 + 1))\nEOF",
    "echo one\necho two",
    "echo $(echo inner) `echo old`",
    "VAR='a b' sh -c 'echo \"$VAR\"'",
    'echo "$SSH_ORIGINAL_COMMAND"',
    "printf '\\0\\1\\2\\377' | od -An -tx1",
    "cat @files@/\u00fcml\u00e4ut; echo gr\u00fc\u00df dich \u65e5\u672c",
    "umask; ulimit -c; echo $0",
    "(sleep 0; echo late) & wait",
    "trap 'echo bye' EXIT; exit 4",
    "kill -TERM $$",
    "kill -KILL $$",
    "exec sh -c 'exit 5'",
    "test -t 0 || echo no terminal",
    "tty",
    "head -c 1000000 /dev/zero | sha256sum",
    "seq 100000",
    "seq 20000 >&2",
    "sh -c 'echo a; echo b >&2; echo c; echo d >&2' 2>&1",
    "true; false",
    "nosuchcommand --help",
    "exit 255",
    "python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))'",
    "find @files@ -name '*.txt' -exec wc -c {} + | sort",
    "tar cf - -C @files@ tree | tar tf - | sort",
    "sed -n '2{p;q}' @files@/a.txt; awk -F, '{s=s $2} END {print s}' @files@/b.txt",
    "git -C @files@ --version",
    "env -i sh -c 'echo clean'",
    "echo '" + "x" * 100_000 + "' | wc -c",
)


def both(routes: Routes, grant: str, command: str, stdin: bytes = b"") -> None:
    """The same over either way."""
    words = routes.text(command)
    through = routes.agent(grant).ssh(words, stdin=stdin, options=MASTER)
    straight = routes.straight.ssh(words, stdin=stdin, options=MASTER)
    assert through.stderr == straight.stderr
    assert (through.returncode, through.stdout) == (straight.returncode, straight.stdout)


@pytest.mark.parametrize("command", WORKER)
def test_a_command_under_patterns(routes: Routes, command: str) -> None:
    both(routes, "worker", command)


@pytest.mark.parametrize("command", OPERATOR)
def test_a_command_of_operators(routes: Routes, command: str) -> None:
    both(routes, "operator", command)


@pytest.mark.parametrize("command", LIVELY)
def test_a_command_of_operators_whose_output_changes(routes: Routes, command: str) -> None:
    through = routes.agent("operator").ssh(command, options=MASTER)
    straight = routes.straight.ssh(command, options=MASTER)
    assert through.returncode == straight.returncode, through.stderr
    assert bool(through.stdout) == bool(straight.stdout)
    assert b"hoopwire" not in through.stderr


@pytest.mark.parametrize("command", PERSON, ids=lambda each: each[:40])
def test_a_command_of_a_shell(routes: Routes, command: str) -> None:
    both(routes, "person", command)


INPUTS = {
    "nothing": b"",
    "a line": b"hello\n",
    "no line": b"hello",
    "every byte": BINARY,
    "NULs": bytes(100_000),
    "more than a window": os.urandom(3_000_000),
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("command", ["cat", "sha256sum", "tr a-z A-Z", "gzip -c"])
def test_input(routes: Routes, command: str, kind: str) -> None:
    both(routes, "worker", command, INPUTS[kind])


def test_input_of_a_shell(routes: Routes) -> None:
    """`ssh host < script`: no command, no terminal."""
    script = b'cd /; pwd; read x; echo "<$x>"\nthe line\nexit 6\n'
    through = routes.agent("person").run(*routes.agent("person").command("-T", *MASTER, "web1"), stdin=script)
    straight = routes.straight.run(*routes.straight.command("-T", *MASTER, "web1"), stdin=script)
    assert (through.returncode, through.stdout) == (straight.returncode, straight.stdout)
    assert through.returncode == 6


def test_a_variable_that_is_granted(routes: Routes) -> None:
    done = routes.agent("worker").ssh("printenv LC_X", options=("-o", "SetEnv=LC_X=yes"))
    assert (done.returncode, done.stdout) == (0, b"yes\n")


@pytest.mark.parametrize(
    "options", [(), ("-T",), ("-n",), ("-q",), ("-x",), ("-a",), ("-C",), ("-v",), ("-4",)]
)
def test_an_option_of_the_client(routes: Routes, options: tuple[str, ...]) -> None:
    """Each on a connection of its own."""
    done = routes.agent("worker").ssh("printf hello", options=options)
    assert (done.returncode, done.stdout) == (0, b"hello"), done.stderr


@pytest.mark.parametrize(
    "cipher",
    ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"],
)
def test_a_cipher(routes: Routes, cipher: str) -> None:
    done = routes.agent("worker").ssh("cat", stdin=BINARY, options=("-c", cipher))
    assert (done.returncode, done.stdout) == (0, BINARY), done.stderr


def test_a_client_that_keeps_alive(routes: Routes) -> None:
    options = ("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=5")
    done = routes.agent("person").ssh("sleep 3; echo still", options=options)
    assert (done.returncode, done.stdout) == (0, b"still\n")


def test_a_reader_that_stops_reading(routes: Routes) -> None:
    agent = routes.agent("worker")
    done = agent.run("sh", "-c", f"{agent.as_shell} -S ctl web1 'seq 10000000' | head -1")
    assert (done.returncode, done.stdout) == (0, b"1\n")
