"""Makes certificates.txt: certificates by ssh-keygen, asyncssh and `cryptography`, and what is in them.

    python make_certificates.py certificates.txt      # needs ssh-keygen, asyncssh, cryptography

A line: maker, blob, authority's blob, kind, serial, key id, principals, from, until, critical options,
extensions. Lists have commas between, and `-` is an empty field. Run it again only if the form changes.
"""

import base64
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncssh
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization.ssh import SSHCertificateBuilder, SSHCertificateType
from make_keys import string, token_signs

KEYS = {
    "ed25519": ["-t", "ed25519"],
    "p256": ["-t", "ecdsa", "-b", "256"],
    "p384": ["-t", "ecdsa", "-b", "384"],
    "p521": ["-t", "ecdsa", "-b", "521"],
    "rsa": ["-t", "rsa", "-b", "2048"],
}
FOREVER = 2**64 - 1
PERMITS = "permit-X11-forwarding,permit-agent-forwarding,permit-port-forwarding,permit-pty,permit-user-rc"


def blob(path: Path) -> bytes:
    return base64.b64decode(path.read_text().split()[1])


def keygen(folder: Path, authority: str, key: str, *options: str) -> bytes:
    command = ["ssh-keygen", "-q", "-s", str(folder / authority), *options, str(folder / f"{key}.pub")]
    subprocess.run(command, check=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"})
    return blob(folder / f"{key}-cert.pub")


def make_keys(folder: Path) -> None:
    for name, kind in [*KEYS.items(), *((f"ca-{name}", kind) for name, kind in KEYS.items())]:
        command = ["ssh-keygen", "-q", *kind, "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True)
    for name in ("sk-ed25519", "sk-p256"):
        public, _ = token_signs(name, b"ssh:", b"", 1)
        kind = public[4 : 4 + public[3]].decode()
        (folder / f"{name}.pub").write_text(f"{kind} {base64.b64encode(public).decode()} {name}\n")


def by_keygen(folder: Path) -> list[list[str]]:
    """Every type of key as user and host under every type of authority in turn; options; validity."""
    out = []
    authorities = [f"ca-{name}" for name in KEYS]
    for at, key in enumerate([*KEYS, "sk-ed25519", "sk-p256"]):
        for kind in ("user", "host"):
            authority = authorities[(at + (kind == "host")) % len(authorities)]
            options = ["-I", f"{key}_of_{kind}", "-n", "alice,web1", "-z", str(at), "-V", "always:forever"]
            made = keygen(folder, authority, key, *options, *(["-h"] if kind == "host" else []))
            permits = PERMITS if kind == "user" else "-"
            fields = [kind, str(at), f"{key}_of_{kind}", "alice,web1", "0", str(FOREVER), "-", permits]
            out.append(["keygen", made.hex(), blob(folder / f"{authority}.pub").hex(), *fields])
    ca = blob(folder / "ca-ed25519.pub").hex()
    limits = ["force-command=/bin/true a b", "source-address=10.0.0.0/8"]
    permitted = ["clear", "permit-pty", "extension:x@example.org=y"]
    chosen = [word for option in [*permitted, *limits] for word in ("-O", option)]
    when = ["-V", "20300101:20300102", "-z", str(FOREVER)]
    made = keygen(folder, "ca-ed25519", "ed25519", "-I", "g_01", "-n", "deploy", *when, *chosen)
    window = ["1893456000", "1893542400"]
    options = ["force-command,source-address", "permit-pty,x@example.org"]
    out.append(["restricted", made.hex(), ca, "user", str(FOREVER), "g_01", "deploy", *window, *options])
    made = keygen(folder, "ca-ed25519", "ed25519", "-I", "nobody", "-V", "always:forever")
    out.append(["nobody", made.hex(), ca, "user", "0", "nobody", "-", "0", str(FOREVER), "-", PERMITS])
    made = keygen(folder, "ca-ed25519", "ed25519", "-h", "-I", "nowhere", "-V", "always:forever")
    out.append(["nowhere", made.hex(), ca, "host", "0", "nowhere", "-", "0", str(FOREVER), "-", "-"])
    many = ",".join(f"u{n}" for n in range(256))
    made = keygen(folder, "ca-ed25519", "ed25519", "-I", "many", "-n", many, "-V", "always:forever")
    out.append(["many", made.hex(), ca, "user", "0", "many", many, "0", str(FOREVER), "-", PERMITS])
    for maker, option in (
        ("unknown", "critical:do-this@example.org=now"),
        ("verify-required", "verify-required"),
    ):
        options = ["-I", maker, "-n", "alice", "-V", "always:forever", "-O", "clear", "-O", option]
        made = keygen(folder, "ca-ed25519", "ed25519", *options)
        name = option.removeprefix("critical:").split("=")[0]
        out.append([maker, made.hex(), ca, "user", "0", maker, "alice", "0", str(FOREVER), name, "-"])
    return out


def by_others(folder: Path) -> list[list[str]]:
    out = []
    for at, name in enumerate(KEYS):
        authority = asyncssh.read_private_key(str(folder / f"ca-{name}"))
        ca = blob(folder / f"ca-{name}.pub").hex()
        key = asyncssh.read_public_key(str(folder / "ed25519.pub"))
        user = authority.generate_user_certificate(
            key, f"asyncssh-{name}", serial=at, principals=["alice", "bob"], valid_after=10, valid_before=20,
            force_command="id", permit_pty=True, permit_agent_forwarding=False, permit_port_forwarding=False,
            permit_user_rc=False, permit_x11_forwarding=False,
        )  # fmt: skip
        fields = ["user", str(at), f"asyncssh-{name}", "alice,bob", "10", "20", "force-command", "permit-pty"]
        out.append(["asyncssh", user.public_data.hex(), ca, *fields])
        signer = serialization.load_ssh_private_key((folder / f"ca-{name}").read_bytes(), None)
        public = serialization.load_ssh_public_key((folder / f"{name}.pub").read_bytes())
        host = (
            SSHCertificateBuilder()
            .public_key(public)
            .serial(at)
            .type(SSHCertificateType.HOST)
            .key_id(f"cryptography-{name}".encode())
            .valid_principals([b"web1"])
            .valid_after(10)
            .valid_before(20)
            .sign(signer)
        )
        fields = ["host", str(at), f"cryptography-{name}", "web1", "10", "20", "-", "-"]
        out.append(["cryptography", base64.b64decode(host.public_bytes().split()[1]).hex(), ca, *fields])
    return out


def one_more(folder: Path) -> list[str]:
    """A true certificate with 257 principals, which ssh-keygen doesn't make."""
    key = asyncssh.read_public_key(str(folder / "ed25519.pub"))
    authority = asyncssh.read_private_key(str(folder / "ca-ed25519"))
    names = [f"u{n}" for n in range(257)]
    made = authority.generate_user_certificate(key, "toomany", principals=names).public_data
    assert string(b"u256") in made
    return ["toomany", made.hex(), authority.public_data.hex()]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_keys(folder)
        rows = [*by_keygen(folder), *by_others(folder), one_more(folder)]
    Path(sys.argv[1]).write_text("".join(" ".join(row) + "\n" for row in rows))
