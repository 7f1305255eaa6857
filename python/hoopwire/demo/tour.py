"""`hoopwire demo`: the whole of hoopwire on this machine, step by step, in two minutes.

It starts a dev issuer (a simulated Okta), a throw-away PostgreSQL and sshd, and the gateway, all on loopback,
and walks through what an agent can do, what it can't, and what is left of it. Every command it shows is the
very command that it runs. The exit code is 0 when each step came out as it should, else 1.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from hoopwire.demo.places import server_folder
from hoopwire.demo.postgres import MissingProgram
from hoopwire.demo.setting import Setting
from hoopwire.demo.tour_ssh import on_a_host

_WIDTH = 96
_LONGEST_S = 60.0


class Walk:
    """Prints and runs the steps, and keeps count of what came out."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.outcomes: list[tuple[str, bool]] = []
        self._title = ""
        self._as_it_should = True

    def step(self, title: str, about: str) -> None:
        """Begin a step."""
        self.close()
        self._title = title
        number = len(self.outcomes) + 1
        head = f"-- {number}. {title} "
        print(f"\n{head}{'-' * max(3, _WIDTH - len(head))}\n{about}", flush=True)

    def close(self) -> None:
        """End the step that is under way."""
        if self._title:
            self.outcomes.append((self._title, self._as_it_should))
        self._title, self._as_it_should = "", True

    def start(self, command: str) -> "subprocess.Popen[str]":
        """Show a command and start it."""
        print(f"\n  $ {command}", flush=True)
        return subprocess.Popen(
            ["bash", "-c", command],
            env=self.setting.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, process: "subprocess.Popen[str]") -> str:
        """Show what a command prints while it prints it, and return all of it."""
        assert process.stdout is not None
        lines = []
        # Nothing in the demo takes this long; a step that goes wrong must not hang.
        overdue = threading.Timer(_LONGEST_S, process.kill)
        overdue.start()
        for line in process.stdout:
            lines.append(line)
            print(f"    {line.rstrip()}", flush=True)
        process.wait()
        overdue.cancel()
        return "".join(lines)

    def run(self, command: str) -> str:
        """Show a command, run it, show what came back, and return that."""
        return self.finish(self.start(command))

    def expect(self, what: str, came: bool) -> None:
        """Say whether the step came out as it should."""
        self._as_it_should = self._as_it_should and came
        print(f"  {'ok' if came else 'NOT AS EXPECTED'}: {what}", flush=True)


def allowed(walk: Walk) -> None:
    """A query."""
    walk.step(
        "A query that is allowed",
        "The agent `reports` is in the group `order-agents`. It asks the issuer for an access token, and a\n"
        "stock psql sends that as its password. The gateway verifies it, makes a grant, and opens the\n"
        "database with a password that the agent never sees.",
    )
    sql = "select country, count(*) from customers group by country order by country"
    came = walk.run(f'PGPASSWORD=$("$DIR/token" reports) psql dbname=orders -c "{sql}"')
    walk.expect("the rows came back", "(5 rows)" in came)


def refused_statement(walk: Walk) -> None:
    """A statement that the grant does not cover, and how an agent learns what to ask for."""
    walk.step(
        "A statement that is not granted is refused, and says what is missing",
        "The policy grants `select` on some relations. Each statement is read with PostgreSQL's own grammar\n"
        "and decided before a byte of it reaches the database: spelling and disguise do not help.",
    )
    sql = "with gone as (/**/dElEtE from orders returning id) select count(*) from gone"
    came = walk.run(f'PGPASSWORD=$("$DIR/token" reports) psql dbname=orders -c "{sql}"')
    walk.expect("refused, with the action to ask for", "delete on public.orders" in came)
    explain = f'hoopwire explain "{sql}" --as cid:reports --groups order-agents --target orders'
    came = walk.run(explain)
    walk.expect("`explain` says the same, offline", "delete on public.orders" in came)


def masked_column(walk: Walk) -> None:
    """A column that is delivered masked."""
    walk.step(
        "A masked column stays masked",
        "The policy masks customers.email but for its last four characters. It cannot be had otherwise,\n"
        "nor be guessed by asking for it in a WHERE.",
    )
    sql = "select id, name, email as contact from customers order by id limit 2"
    came = walk.run(f'PGPASSWORD=$("$DIR/token" reports) psql dbname=orders -c "{sql}"')
    walk.expect("masked under any name", "****.com" in came and "customer1@" not in came)
    sql = "select id from customers where email like 'customer1@%'"
    came = walk.run(f'PGPASSWORD=$("$DIR/token" reports) psql dbname=orders -c "{sql}"')
    walk.expect("not to be compared with", "masked" in came and "(1 row)" not in came)


def other_database(walk: Walk) -> None:
    """A database that exists and is not granted."""
    walk.step(
        "Another database is refused",
        "The same server holds the database `secrets`. No policy grants it, so there is no way to it.",
    )
    came = walk.run('PGPASSWORD=$("$DIR/token" reports) psql dbname=secrets -c "select * from api_keys"')
    walk.expect("refused, with what is open instead", "not granted" in came and "pk_live" not in came)


def wrong_audience(walk: Walk) -> None:
    """A good token for somebody else."""
    walk.step(
        "A token for someone else is refused",
        "A token of the same issuer for the same agent, but made out to another service (its audience).",
    )
    command = 'PGPASSWORD=$("$DIR/token" reports another-gateway) psql dbname=orders -c "select 1"'
    came = walk.run(command)
    walk.expect("refused", "FATAL" in came and "(1 row)" not in came)
    walk.run('grep -o \'"code":"[^"]*","reason":"[^"]*audience[^"]*"\' "$DIR/audit.jsonl" | tail -n 1')
    reasons = walk.setting.audit
    walk.expect("the audit trail says that the audience was wrong", "audience" in reasons)


def expiry(walk: Walk) -> None:
    """Time runs out."""
    walk.step(
        "When the time is over, a running query is cut",
        "The agent `brief` gets grants of 30 seconds. It starts something that takes longer; ten seconds\n"
        "before the end there is a notice. This takes half a minute.",
    )
    walk.run('"$DIR/token" brief > "$DIR/brief.token"')
    began = time.monotonic()
    came = walk.run('PGPASSWORD=$(cat "$DIR/brief.token") psql dbname=orders -c "select pg_sleep(300)"')
    walk.expect(f"cut after {time.monotonic() - began:.0f} s", "expired" in came and "FATAL" in came)


def same_token(walk: Walk) -> None:
    """The token comes back."""
    walk.step(
        "The same token does not work again",
        "The issuer would still call this token valid. It has bought its grant, and that is over.",
    )
    came = walk.run('PGPASSWORD=$(cat "$DIR/brief.token") psql dbname=orders -c "select 1"')
    walk.expect("refused, naming the grant", "FATAL" in came and "g_" in came)


def around(walk: Walk) -> None:
    """The way past the gateway."""
    walk.step(
        "The same identity straight at the database is refused",
        "Around the gateway: the database knows no tokens, and the agent has no password for it.",
    )
    straight = 'PGSSLROOTCERT="$DIR/target-ca.crt" psql "port=$TARGET_PORT user=app dbname=orders"'
    came = walk.run(f'PGPASSWORD=$("$DIR/token" reports) {straight} -c "select 1"')
    walk.expect("refused by the database itself", "password authentication failed" in came)


def revoked(walk: Walk) -> str:
    """An operator steps in. Returns the session that was ended."""
    walk.step(
        "An operator ends a live session",
        "A session is under way; an operator looks at what is open and revokes its grant.",
    )
    sleeper = walk.start('PGPASSWORD=$("$DIR/token" reports) psql dbname=orders -c "select pg_sleep(300)"')
    session = grant = ""
    deadline = time.monotonic() + 15
    while not session and time.monotonic() < deadline:
        for live in walk.setting.sessions():
            session, grant = live["session"], live["grant"]
        time.sleep(0.1)
    walk.run("hoopwire sessions list")
    walk.run(f"hoopwire grants revoke {grant} --reason 'the demo'")
    print("\n  and in the session:")
    came = walk.finish(sleeper)
    walk.expect("the session ended with the operator's reason", "revoked" in came and "the demo" in came)
    return session


def recording(walk: Walk, session: str) -> None:
    """What is left of it."""
    walk.step(
        "The recording shows it, and proves itself",
        "Everything above was recorded before it was forwarded. `show` tells one session; `verify` needs\n"
        "the files and the public key, nothing else.",
    )
    came = walk.run(f"hoopwire recordings show {session}")
    walk.expect("the statement is in it", "pg_sleep(300)" in came)
    verify = 'hoopwire recordings verify "$DIR/{}" --key "$DIR/recording.pub"; echo "exit code $?"'
    came = walk.run(verify.format("recordings"))
    walk.expect("it verifies", came.rstrip().endswith("exit code 0"))
    walk.run('cp -r "$DIR/recordings" "$DIR/tampered"')
    walk.run(
        "find \"$DIR/tampered\" -type f -exec env LC_ALL=C sed -i '0,/from customers/s//from Customers/' {} +"
    )
    came = walk.run(verify.format("tampered"))
    named = "block" in came and came.rstrip().endswith("exit code 1")
    walk.expect("one changed byte, and verify names the block", named)


def summary(walk: Walk) -> bool:
    """Print how it went; true if all is as it should be."""
    walk.close()
    print(f"\n-- Summary {'-' * (_WIDTH - 11)}")
    for title, as_it_should in walk.outcomes:
        print(f"  {'ok  ' if as_it_should else 'FAIL'}  {title}")
    return all(as_it_should for _, as_it_should in walk.outcomes)


def walk_through(setting: Setting) -> bool:
    """All steps in order."""
    walk = Walk(setting)
    before: tuple[Callable[[Walk], None], ...] = (
        allowed,
        refused_statement,
        masked_column,
        other_database,
        wrong_audience,
        expiry,
        same_token,
        around,
    )
    for step in before:
        step(walk)
    on_a_host(walk)
    recording(walk, revoked(walk))
    return summary(walk)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; `--keep` leaves all running afterwards until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="hoopwire demo", description=__doc__.split("\n\n")[1])
    parser.add_argument(
        "--keep", action="store_true", help="leave all running afterwards, with commands to try"
    )
    keep = parser.parse_args(arguments).keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = server_folder("hoopwire-demo-")
    try:
        with ExitStack() as stack:
            setting = stack.enter_context(Setting(directory, say=lambda text: print(text, flush=True)))
            print("\nTo repeat a step by hand (with --keep, or make demo KEEP=1), first:\n")
            print("".join(f"  {line}\n" for line in setting.to_export), end="")
            came_out = walk_through(setting)
            if keep:
                print(
                    f"\nAll is still running; everything is in {directory}. Try any command above after the"
                )
                print("exports at the top. Ctrl-C ends it.", flush=True)
                threading.Event().wait()
            return 0 if came_out else 1
    except MissingProgram as missing:
        print(f"hoopwire demo: {missing}", file=sys.stderr)
        return 4
    except RuntimeError as error:
        print(f"hoopwire demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nended")
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
