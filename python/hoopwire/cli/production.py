"""The rooms as they are in production, given to the service."""

from pathlib import Path

from hoopwire.config import load
from hoopwire.control.service import Rooms
from hoopwire.custody import Lender
from hoopwire.identity import Verifier
from hoopwire.model.settings import Settings


def production_rooms() -> Rooms:
    """Config from TOML, identity from the issuers, leases from custody, the native engine."""

    def load_file(path: Path) -> Settings:
        return load(path)

    return Rooms(load=load_file, verifier=Verifier, lend=Lender())
