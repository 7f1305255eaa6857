"""O10's neighbour: every count of the protocol has 16 bits without a sign, as the server reads them.

A Parse that declared more than 32,767 parameter types ended the session with FATAL 08P01.
"""

import struct

import pytest

from support.frontend import message
from support.requests import SYNC

from .conftest import Login


@pytest.mark.parametrize("count", [32_767, 32_768, 65_535])
@pytest.mark.parametrize("grant", ["reader", "masked", "few-statements-unread"])
def test_types_of_a_parse(login: Login, grant: str, count: int):
    declared = struct.pack("!H", count) + struct.pack("!i", 23) * count
    with login(grant) as frontend:
        frontend.send(message(b"P", b"\0select 1\0" + declared) + SYNC)
        assert [each.kind for each in frontend.until(b"Z")] == [b"1", b"Z"]
