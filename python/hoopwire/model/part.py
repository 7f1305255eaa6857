"""The base of every Struct of the config file, and the types of the paths in it."""

from typing import Annotated

import msgspec

File = Annotated[str, msgspec.Meta(extra={"path": "file"})]
"""Path of a file that must exist and be readable."""
SecretFile = Annotated[str, msgspec.Meta(extra={"path": "secret"})]
"""Path of a file that, besides, others may not read."""
Directory = Annotated[str, msgspec.Meta(extra={"path": "directory"})]
"""Path of a directory; made at start if it is not there."""
Place = Annotated[str, msgspec.Meta(extra={"path": "place"})]
"""Path of something that the gateway makes itself."""


ADMIN_SOCKET = "hoopwire-admin.sock"
"""What `listen.admin_socket` is where the file does not say."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every part of the file."""
