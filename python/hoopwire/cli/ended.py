"""Prints what a command ended: how many sessions, which have not ended yet, and where the change is kept."""

import sys

from hoopwire.cli.exits import INCOMPLETE, OK, REFUSED
from hoopwire.cli.output import clean, moment
from hoopwire.model.api import Cut, LockView, Where


def ended_text(answer: Cut) -> str:
    """`2 sessions have ended`, and which have not."""
    text = f"{answer.ended} session{' has' if answer.ended == 1 else 's have'} ended"
    if answer.left:
        text += f", {len(answer.left)} not yet: {clean(' '.join(answer.left))}"
    return text


def print_kept(kept: Where, what: str) -> None:
    """Say it if the store does not have it."""
    if kept == "journal":
        print(f"The store cannot be written. {what.capitalize()} is in the journal: a restart knows it,")
        print("and the store gets it as soon as it can be written.")
    elif kept == "memory":
        print(
            f"WARNING: {what} counts, but is kept nowhere: neither the store nor the journal beside it can be"
            " written.\nWhile the gateway runs nobody gets in by it, and it is tried again each second. Do"
            " not stop the gateway;\nmake room in gateway.state, and look for store.kept_late in the audit.",
            file=sys.stderr,
        )


def print_lock(lock: LockView) -> None:
    """One lock, as it was just made."""
    where = f"at issuer {clean(lock.issuer)}" if lock.issuer else "at every issuer"
    until = f"until {moment(lock.until)}" if lock.until is not None else "until it is unlocked"
    print(f"{clean(lock.principal)} is locked {where} {until}")
    print_kept(lock.kept, "the lock")


def worst(*codes: int) -> int:
    """One exit code for several things."""
    return max(codes, key=(OK, REFUSED, INCOMPLETE).index, default=OK)
