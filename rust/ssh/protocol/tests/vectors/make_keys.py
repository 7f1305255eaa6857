"""Makes keys.txt: keys, fingerprints and signatures by OpenSSH, asyncssh and `cryptography`.

    python make_keys.py keys.txt      # needs ssh-keygen, asyncssh, cryptography

Run it again only if the form changes: the keys are new each time, and the tests read what is committed.
"""

import base64
import hashlib
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncssh
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

TYPES = {
    "ed25519": ("ed25519", []),
    "p256": ("ecdsa", ["-b", "256"]),
    "p384": ("ecdsa", ["-b", "384"]),
    "p521": ("ecdsa", ["-b", "521"]),
    "rsa2048": ("rsa", ["-b", "2048"]),
    "rsa3072": ("rsa", ["-b", "3072"]),
    "rsa1024": ("rsa", ["-b", "1024"]),
}
ALGORITHMS = {
    "ed25519": ["ssh-ed25519"],
    "p256": ["ecdsa-sha2-nistp256"],
    "p384": ["ecdsa-sha2-nistp384"],
    "p521": ["ecdsa-sha2-nistp521"],
    "rsa2048": ["rsa-sha2-256", "rsa-sha2-512", "ssh-rsa"],
    "rsa3072": ["rsa-sha2-512"],
    "rsa1024": ["rsa-sha2-512"],
}
NAMESPACE = b"file"


def string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def mpint(value: int) -> bytes:
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


def strings(blob: bytes) -> list[bytes]:
    found = []
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def enveloped(message: bytes) -> bytes:
    """What `ssh-keygen -Y sign` signs (PROTOCOL.sshsig)."""
    hashed = hashlib.sha512(message).digest()
    return b"SSHSIG" + string(NAMESPACE) + string(b"") + string(b"sha512") + string(hashed)


def keygen_signs(key: Path, message: bytes) -> bytes:
    """The signature blob inside the armour."""
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE.decode(), "-f", str(key)]
    armour = subprocess.run(command, input=message, capture_output=True, check=True).stdout
    body = base64.b64decode(b"".join(armour.splitlines()[1:-1]))
    return strings(body.removeprefix(b"SSHSIG\0\0\0\1"))[-1]


def keygen_accepts(public: bytes, signature: bytes, message: bytes) -> bool:
    """OpenSSH's own answer on a signature over `enveloped(message)`."""
    body = b"SSHSIG\0\0\0\1" + string(public) + string(NAMESPACE) + string(b"") + string(b"sha512")
    text = base64.b64encode(body + string(signature)).decode()
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as armour:
        armour.write(f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----\n")
        armour.flush()
        command = ["ssh-keygen", "-q", "-Y", "check-novalidate", "-n", "file", "-s", armour.name]
        return subprocess.run(command, input=message, capture_output=True).returncode == 0


def token_signs(kind: str, application: bytes, message: bytes, flags: int) -> tuple[bytes, bytes]:
    """Public blob and signature blob of a security token, simulated (PROTOCOL.u2f)."""
    counter = struct.pack(">I", 77)
    signed = (
        hashlib.sha256(application).digest() + bytes([flags]) + counter + hashlib.sha256(message).digest()
    )
    if kind == "sk-ed25519":
        name = b"sk-ssh-ed25519@openssh.com"
        edwards = ed25519.Ed25519PrivateKey.generate()
        point = edwards.public_key().public_bytes_raw()
        public = string(name) + string(point) + string(application)
        made = edwards.sign(signed)
    else:
        name = b"sk-ecdsa-sha2-nistp256@openssh.com"
        weierstrass = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PublicFormat.UncompressedPoint
        point = weierstrass.public_key().public_bytes(serialization.Encoding.X962, form)
        public = string(name) + string(b"nistp256") + string(point) + string(application)
        r, s = decode_dss_signature(weierstrass.sign(signed, ec.ECDSA(hashes.SHA256())))
        made = mpint(r) + mpint(s)
    return public, string(name) + string(made) + bytes([flags]) + counter


def lines(folder: Path) -> list[str]:
    out = []
    for name, (kind, bits) in TYPES.items():
        path = folder / name
        command = ["ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(command, check=True)
        blob = base64.b64decode(path.with_suffix(".pub").read_text().split()[1])
        listed = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(path)], capture_output=True, check=True, text=True
        )
        out.append(f"public {name} {blob.hex()} {listed.stdout.split()[1]}")
        private = serialization.load_ssh_private_key(path.read_bytes(), None)
        der = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        out.append(f"pkcs8 {name} {der.hex()}")
        message = f"signed by {name}".encode()
        if name != "rsa1024":
            made = keygen_signs(path, message)
            assert keygen_accepts(blob, made, message)
            out.append(f"signature {name} ssh-keygen {enveloped(message).hex()} {made.hex()}")
        for algorithm in ALGORITHMS[name]:
            made = asyncssh.read_private_key(str(path)).sign(message, algorithm.encode())
            out.append(f"signature {name} {algorithm} {message.hex()} {made.hex()}")
    for name in ("sk-ed25519", "sk-p256"):
        for flags, word in ((1, "touched"), (5, "verified"), (0, "untouched")):
            message = f"signed by {name}, {word}".encode()
            public, made = token_signs(name, b"ssh:", enveloped(message), flags)
            assert keygen_accepts(public, made, message), (
                name,
                word,
            )  # sshd looks at the flags, not ssh-keygen
            out.append(f"token {name} {word} {public.hex()} {enveloped(message).hex()} {made.hex()}")
    return out


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Path(sys.argv[1]).write_text("\n".join(lines(Path(folder))) + "\n")
