"""Finds the operators' socket in the config file, which whoever asks a running gateway need not check."""

import os
import tomllib

from hoopwire.model.part import ADMIN_SOCKET

_FILE_BYTES = 1 << 20


def operators_socket(path: str) -> str:
    """`listen.admin_socket`, from the folder of the file. ConfigError if that cannot be read.

    The gateway runs by the file that it has read; what is being written in it now keeps nobody from asking.
    """
    try:
        with open(path, "rb") as file:
            socket = tomllib.loads(file.read(_FILE_BYTES).decode())["listen"].get(
                "admin_socket", ADMIN_SOCKET
            )
        if not isinstance(socket, str):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # In the words of who reads the whole of it.
        from hoopwire.config import load

        return load(path, files=False).listen.admin_socket
    return os.path.join(os.path.dirname(os.path.abspath(path)), socket)
