//! OpenSSH's programs, run for one test each and ended by it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hoopwire_ssh_protocol::keys::PrivateKey;

use super::{CIPHERS, KINDS, METHODS};

/// A directory that is gone with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hoopwire-ssh-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Scratch {
    /// A file of this content.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// A public key as its file has it.
pub(crate) fn one_line(kind: &str, blob: &[u8]) -> String {
    format!("{kind} {}", STANDARD.encode(blob))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Openssh {
    sshd: PathBuf,
    methods: String,
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places: Vec<_> = std::env::split_paths(&path).collect();
    // not on everyone's path
    places.push("/usr/sbin".into());
    places.into_iter().map(|place| place.join(name)).find(|file| file.is_file())
}

impl Openssh {
    /// None, with a word about it, where there is no OpenSSH.
    pub(crate) fn find() -> Option<Self> {
        let (Some(_), Some(_), Some(sshd)) = (on_path("ssh"), on_path("ssh-keygen"), on_path("sshd")) else {
            eprintln!("skipped: ssh, sshd or ssh-keygen is not installed");
            return None;
        };
        // as the system's own start of sshd does, if we may: it wants this of root
        let _ = fs::create_dir_all("/run/sshd");
        let methods = Command::new("ssh").args(["-Q", "kex"]).output().unwrap().stdout;
        Some(Self { sshd, methods: String::from_utf8(methods).unwrap() })
    }

    /// Each key exchange that this OpenSSH has with each cipher and its MAC; kinds of host keys take turns.
    pub(crate) fn combinations(&self) -> Vec<(&'static str, &'static str, &'static str, usize)> {
        let has = |name: &&str| {
            let known = self.methods.lines().any(|line| line == *name);
            if !known {
                eprintln!("left out: this OpenSSH has no {name}");
            }
            known
        };
        let methods = METHODS.into_iter().filter(has);
        let pairs = methods.flat_map(|method| CIPHERS.map(|(cipher, mac)| (method, cipher, mac)));
        pairs.enumerate().map(|(at, (method, cipher, mac))| (method, cipher, mac, at % KINDS.len())).collect()
    }

    /// A new host key of this kind, kept in `scratch`, and its public blob.
    pub(crate) fn host_key(&self, scratch: &Scratch, kind: &str) -> (PrivateKey, Vec<u8>) {
        let file = scratch.0.join(kind);
        let status = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-m", "PKCS8", "-f"])
            .arg(&file)
            .status();
        assert!(status.unwrap().success());
        let pem = fs::read_to_string(&file).unwrap();
        // ed25519 has no PKCS#8 form in ssh-keygen: its seed is in the middle of OpenSSH's own
        let der = decoded(pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>().as_str());
        let public = fs::read_to_string(file.with_extension("pub")).unwrap();
        let blob = decoded(public.split(' ').nth(1).unwrap());
        let der = if kind == "ed25519" { of_seed(&der, &blob) } else { der };
        (PrivateKey::from_pkcs8(&der).unwrap(), blob)
    }

    /// The file of a host certificate for the key `kind`, by the key `authority`, good for 2020 to 2099.
    pub(crate) fn certify(&self, scratch: &Scratch, authority: &str, kind: &str, name: &str) -> PathBuf {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-h", "-I", "test", "-V", "20200101:21000101", "-n", name, "-s"]);
        command.arg(scratch.0.join(authority)).arg(scratch.0.join(kind).with_extension("pub"));
        assert!(command.status().unwrap().success());
        scratch.0.join(format!("{kind}-cert.pub"))
    }

    /// The blob in such a file.
    pub(crate) fn read_certificate(&self, file: &Path) -> Vec<u8> {
        decoded(fs::read_to_string(file).unwrap().split(' ').nth(1).unwrap())
    }

    /// `ssh` to a port, with these options.
    pub(crate) fn client(&self, scratch: &Scratch, port: u16, options: &[(&str, &str)], run: &str) -> Client {
        let mut command = Command::new("ssh");
        // of two values the first counts
        with(&mut command, options);
        command.args([
            "-F",
            "none",
            "-p",
            &port.to_string(),
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ]);
        command.args(["-o", "IdentitiesOnly=yes", "-o", "IdentityFile=none", "-o", "LogLevel=ERROR"]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", scratch.0.join(port.to_string()).display()));
        command.args(["someone@127.0.0.1", run]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Client(command.spawn().unwrap())
    }

    /// `sshd` with the host key of that kind, on a port of its own.
    pub(crate) fn server(&self, scratch: &Scratch, kind: &str, options: &[(&str, &str)]) -> Server {
        // free now; who takes it in between is seen as an sshd that does not start, and another is tried
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(server) = self.server_at(port, &scratch.0.join(kind), options) {
                return server;
            }
        }
        panic!("sshd does not start");
    }

    fn server_at(&self, port: u16, key: &Path, options: &[(&str, &str)]) -> Option<Server> {
        let mut command = Command::new(&self.sshd);
        command
            .args([
                "-D",
                "-e",
                "-f",
                "/dev/null",
                "-p",
                &port.to_string(),
                "-o",
                "ListenAddress=127.0.0.1",
                "-h",
            ])
            .arg(key);
        command.args(["-o", "PidFile=none", "-o", "UsePAM=no", "-o", "PermitRootLogin=yes"]);
        with(&mut command, options);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while said.read_line(&mut line).unwrap() > 0 {
            if line.contains("Server listening") {
                // its words must go somewhere, or it would wait for a reader
                std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
                return Some(Server { child, port });
            }
        }
        child.wait().unwrap();
        eprintln!("sshd: {line}");
        None
    }
}

fn with(command: &mut Command, options: &[(&str, &str)]) {
    for (name, value) in options.iter().filter(|(_, value)| !value.is_empty()) {
        command.arg("-o").arg(format!("{name}={value}"));
    }
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// RFC 8410's form of the private key in an `openssh-key-v1`, which has the seed before the public key's second copy.
fn of_seed(file: &[u8], blob: &[u8]) -> Vec<u8> {
    let public = &blob[blob.len() - 32..];
    let last = file.windows(32).rposition(|window| window == public).unwrap();
    let seed = &file[last - 32..last];
    [b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", seed].concat()
}

pub(crate) struct Client(Child);

impl Client {
    /// Gives it this on its input, while it runs.
    pub(crate) fn feed(mut self, data: Vec<u8>) -> Feeding {
        let mut input = self.0.stdin.take().unwrap();
        let mut output = self.0.stdout.take().unwrap();
        // who goes early is seen by what it wrote
        std::thread::spawn(move || input.write_all(&data));
        let reader = std::thread::spawn(move || {
            let mut written = Vec::new();
            output.read_to_end(&mut written).unwrap();
            written
        });
        Feeding { client: self, reader }
    }

    /// What it said, once it has ended.
    pub(crate) fn finish(mut self) -> String {
        drop(self.0.stdin.take());
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        self.0.wait().unwrap();
        said
    }
}

pub(crate) struct Feeding {
    client: Client,
    reader: JoinHandle<Vec<u8>>,
}

impl Feeding {
    /// What it wrote and what it said, once it has ended.
    pub(crate) fn output(self) -> (Vec<u8>, String) {
        let said = self.client.finish();
        (self.reader.join().unwrap(), said)
    }
}

/// Who runs this.
pub(crate) fn user() -> String {
    String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned()
}

pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect_timeout(&([127, 0, 0, 1], self.port).into(), Duration::from_secs(10)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
