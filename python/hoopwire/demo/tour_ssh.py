"""The demo's steps on a host: commands, files, a shell that ends with its grant, and its replay."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hoopwire.demo.tour import Walk

_SSH = 'ssh -F "$DIR/ssh_config" web1'


def _certificate(agent: str, key: str) -> str:
    return (
        f'"$DIR/token" {agent} | hoopwire ssh-cert --gateway "$CONTROL" --ca "$DIR/ca.crt" --target web1 '
        f'--key "$DIR/{key}" --token-file -'
    )


def on_a_host(walk: "Walk") -> None:
    """All steps; nothing but a word where there is no sshd."""
    if walk.setting.sshd is None:
        walk.step(
            "ssh is left out",
            "OpenSSH's server and client are not both here: apt-get install openssh-client openssh-server",
        )
        return
    walk.step(
        "The same for a host: a certificate for minutes, and stock ssh",
        "The token buys a certificate over the agent's own key. The gateway takes it; the host would not:\n"
        "there the gateway logs in with a certificate of its own, made for this one session.",
    )
    walk.run(_certificate("reports", "id_reports"))
    came = walk.run(f"{_SSH} uptime")
    walk.expect("the command ran", "load average" in came)
    walk.step(
        "A command that is not granted is refused, and says what is missing",
        "The policy names programs and their arguments. What shells could read otherwise is not understood.",
    )
    came = walk.run(f"{_SSH} 'uptime; id'")
    walk.expect("refused, with the character that it is about", "command_not_understood" in came)
    came = walk.run(f"{_SSH} 'cat /etc/shadow'; echo exit code $?")
    walk.expect("refused, with the action to ask for", "exec cat /etc/shadow" in came and "126" in came)
    files(walk)
    shell(walk)


def files(walk: "Walk") -> None:
    """sftp: one folder for reading."""
    walk.step(
        "Files by sftp, in one folder, for reading",
        "Every request inside sftp is decided by the place that its path leads to.",
    )
    folder = walk.setting.directory / "www"
    folder.mkdir()
    (folder / "index.html").write_text("<h1>hello</h1>\n")
    sftp = 'sftp -q -F "$DIR/ssh_config" -b - web1'
    came = walk.run(f"""echo "get $DIR/www/index.html $DIR/got.html" | {sftp} && cat "$DIR/got.html" """)
    walk.expect("the file came", "hello" in came)
    walk.run(f'echo "put $DIR/got.html $DIR/www/evil.html" | {sftp}')
    walk.expect("writing is refused", not (folder / "evil.html").exists())
    walk.run(f'echo "get /etc/passwd $DIR/passwd" | {sftp}')
    walk.expect("another place is refused", not (walk.setting.directory / "passwd").exists())


def shell(walk: "Walk") -> None:
    """A shell whose grant ends, and what was recorded of it."""
    walk.step(
        "A shell ends with its grant, and can be replayed",
        "The agent `brief` gets a shell for 30 seconds. Then it is cut, with words, and its certificate is\n"
        "refused.",
    )
    walk.run(_certificate("brief", "id_brief"))
    ssh = 'ssh -F "$DIR/ssh_config_brief" -tt web1'
    came = walk.run(f"(echo 'echo typed by $USER'; sleep 60) | {ssh}")
    walk.expect("cut, and told why", "expired at" in came)
    came = walk.run('ssh -F "$DIR/ssh_config_brief" web1 true; echo exit code $?')
    walk.expect("the same certificate is refused", "exit code 255" in came)
    listed = walk.setting.gateway.hoopwire("recordings", "list", "--json")
    sessions = [each["session"] for each in json.loads(listed.out) if each["target"] == "web1"]
    came = walk.run(f"hoopwire recordings replay {sessions[-1]} --speed 100")
    walk.expect("the terminal plays again", "typed by" in came)
