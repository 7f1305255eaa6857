"""Makes kexinits.txt: what other programs offer, word for word.

    python make_kexinits.py kexinits.txt NAME=ROLE=COMMAND ...

COMMAND of a client has {port} to connect to; of a server, {port} to listen at. It is ended when its KEXINIT
has come.
"""

import shlex
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path


def kexinit(stream: socket.socket) -> bytes:
    """The payload of the peer's first packet."""
    stream.settimeout(20)
    stream.sendall(b"SSH-2.0-vectors\r\n")
    reader = stream.makefile("rb")
    reader.readline()
    (length,) = struct.unpack(">I", reader.read(4))
    body = reader.read(length)
    return body[1 : length - body[0]]


def main() -> None:
    out = []
    for each in sys.argv[2:]:
        name, role, command = each.split("=", 2)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20)
        port = listener.getsockname()[1]
        if role == "server":
            listener.close()
        process = subprocess.Popen(shlex.split(command.format(port=port)))
        try:
            if role == "client":
                stream, _ = listener.accept()
            else:
                time.sleep(2)
                stream = socket.create_connection(("127.0.0.1", port))
            payload = kexinit(stream)
        finally:
            process.kill()
            process.wait()
        out.append(f"kexinit {name} {role} {payload.hex()}")
    Path(sys.argv[1]).write_text("\n".join(out) + "\n")


main()
