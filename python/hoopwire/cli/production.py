"""Gives the service what it runs in production: file, verifier, leases, engine, and the HTTP listeners."""

from pathlib import Path

from hoopwire.api.serving import HttpListeners
from hoopwire.config import load
from hoopwire.control.service import Rooms
from hoopwire.custody import Lender
from hoopwire.identity import Verifier
from hoopwire.model.settings import Settings


def production_rooms() -> Rooms:
    """Config from TOML, identity from the issuers, leases from custody, HTTP from api, the native engine."""

    def load_file(path: Path) -> Settings:
        return load(path)

    lender = Lender()
    return Rooms(
        load=load_file,
        verifier=Verifier,
        lend=lender,
        lend_login=lender.login,
        listeners=HttpListeners,
    )
