"""The rooms as they are in production, given to the service."""

from pathlib import Path

from hoopwire.config import load
from hoopwire.control.service import Rooms
from hoopwire.custody import lease
from hoopwire.identity import Verifier
from hoopwire.model.commands import Lease
from hoopwire.model.settings import Settings, TargetSettings


def production_rooms() -> Rooms:
    """Config from TOML, identity from the issuers, leases from custody, the native engine."""

    def load_file(path: Path) -> Settings:
        return load(path)

    async def lend(target: TargetSettings, database: str) -> Lease:
        return await lease(target, database)

    return Rooms(load=load_file, verifier=Verifier, lend=lend)
