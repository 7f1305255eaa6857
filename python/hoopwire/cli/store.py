"""`hoopwire store backup | restore`: copies the state directory's files, and puts them back."""

import argparse
from pathlib import Path

from hoopwire.cli.arguments import Commands, add_command, add_group, config_option, json_option
from hoopwire.cli.exits import NOT_STARTED, OK, CommandFailed
from hoopwire.cli.output import clean, print_json
from hoopwire.config import load
from hoopwire.control.files import StartError, StateDirectory
from hoopwire.store import StoreError
from hoopwire.store import backup as copies


def add(commands: Commands) -> None:
    """Declare them."""
    group = add_group(commands, "store", "back up and restore grants, ledger, locks and audit rows")
    parser = add_command(
        group,
        "backup",
        "copy the store to a new directory, also while the gateway runs",
        back_up,
        "  hoopwire store backup /backup/hoopwire-$(date +%F)\n",
    )
    parser.add_argument("directory", metavar="DIRECTORY", help="where to; it must not be there yet")
    config_option(parser)
    json_option(parser)
    parser = add_command(
        group,
        "restore",
        "put a backup in place of the store of a gateway that does not run",
        restore,
        "  hoopwire store restore /backup/hoopwire-2026-11-30\n",
    )
    parser.add_argument("directory", metavar="DIRECTORY", help="the backup")
    config_option(parser)
    json_option(parser)


def back_up(arguments: argparse.Namespace) -> int:
    """Copy, and check the copy."""
    state = Path(load(arguments.config, files=False).gateway.state)
    try:
        copies.back_up(state, Path(arguments.directory))
    except StoreError as error:
        raise CommandFailed(clean(error)) from None
    if arguments.json:
        print_json({"backup": arguments.directory})
        return OK
    print(f"backed up to {clean(arguments.directory)}")
    print("It holds the key that grants' secrets are hashed with: keep it as private as the state directory.")
    return OK


def restore(arguments: argparse.Namespace) -> int:
    """Check the backup, move aside what is there, and put it in place."""
    try:
        state = StateDirectory(load(arguments.config, files=False).gateway.state)
    except StartError as error:
        raise CommandFailed(f"nothing is restored: {clean(error)}", NOT_STARTED) from None
    try:
        aside = copies.restore(Path(arguments.directory), state.path)
    except StoreError as error:
        raise CommandFailed(clean(error)) from None
    finally:
        state.close()
    if arguments.json:
        print_json({"restored": arguments.directory, "aside": None if aside is None else str(aside)})
        return OK
    print(f"restored from {clean(arguments.directory)}")
    if aside is not None:
        print(f"what was there is in {clean(aside)}")
    print("What came later is not in it: revoke and lock again what was revoked and locked since.")
    print("Tokens that were used since can be used again until they expire.")
    return OK
