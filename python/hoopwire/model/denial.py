"""The denial: why a principal does not get what it asked for."""

import msgspec

from hoopwire.model.fault import Fault


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """Why not. `message`, `detail` and `hint` go to the principal; `internal` to the audit event only."""

    fault: Fault
    code: str
    """Stable machine-readable reason, for example `target_not_granted`."""
    message: str
    detail: str = ""
    hint: str = ""
    internal: str = ""
