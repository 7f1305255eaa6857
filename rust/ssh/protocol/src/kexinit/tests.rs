use super::*;
use crate::vectors::{lines, unhex};

const VECTORS: &str = include_str!("../../tests/vectors/kexinits.txt");

fn theirs(name: &str, role: &str) -> Vec<u8> {
    unhex(lines(VECTORS, "kexinit").find(|words| words[..2] == [name, role]).unwrap()[2])
}

fn ours(role: Role, prefer: Option<Cipher>) -> Vec<u8> {
    let mut ours = Vec::new();
    put(&mut ours, role, [9; COOKIE], &["ssh-ed25519"], prefer, true);
    ours
}

fn agreed(role: Role, ours: &[u8], theirs: &[u8]) -> Result<Agreed, Broken> {
    agree(role, &KexInit::read(ours).unwrap(), &KexInit::read(theirs).unwrap(), None)
}

/// `list` of a KEXINIT, 0 for the first, replaced.
fn with_list(kexinit: &[u8], list: usize, names: &str) -> Vec<u8> {
    let mut reader = Reader::new(kexinit);
    let mut out = reader.bytes(1 + COOKIE).unwrap().to_vec();
    for at in 0..10 {
        let before = fields::bytes(&mut reader).unwrap();
        fields::put_string(&mut out, if at == list { names.as_bytes() } else { before });
    }
    [&out, reader.rest()].concat()
}

#[test]
fn with_what_others_offer_the_clients_first_choice_is_agreed_on() {
    use Cipher::{Aes128Gcm, ChaCha20Poly1305};
    use Method::{Curve25519, MlKem768X25519};
    for (name, role, method, cipher) in [
        ("openssh-9.2", "client", Curve25519, ChaCha20Poly1305),
        ("openssh-10.0", "client", MlKem768X25519, ChaCha20Poly1305),
        ("asyncssh-2.24", "client", MlKem768X25519, ChaCha20Poly1305),
        ("openssh-9.2", "server", Curve25519, Aes128Gcm),
        ("openssh-10.0", "server", MlKem768X25519, Aes128Gcm),
        ("asyncssh-2.24", "server", MlKem768X25519, Aes128Gcm),
    ] {
        let us = if role == "client" { Role::Server } else { Role::Client };
        let found = agreed(us, &ours(us, None), &theirs(name, role)).unwrap();
        let suite = Suite { cipher, mac: None };
        assert_eq!((found.method, found.to_server, found.to_client), (method, suite, suite), "{name}");
        assert!(found.strict && found.host_key == "ssh-ed25519" && !found.wrong_guess);
        // OpenSSH 9.2's server has no ext-info-s
        assert_eq!(found.extensions, (name, role) != ("openssh-9.2", "server"), "{name} {role}");
    }
}

#[test]
fn the_preferred_cipher_comes_first_and_once() {
    let ours = ours(Role::Client, Some(Cipher::Aes192Ctr));
    let read = KexInit::read(&ours).unwrap();
    assert_eq!(read.ciphers[0].each().count(), Cipher::ALL.len());
    let found = agreed(Role::Client, &ours, &theirs("openssh-9.2", "server")).unwrap();
    assert_eq!(found.to_server, Suite { cipher: Cipher::Aes192Ctr, mac: Some(Mac::Sha256) });
}

#[test]
fn without_strict_key_exchange_only_gcm_is_agreed_on() {
    // paramiko 3.3 was the last without it
    let paramiko = theirs("paramiko-3.3", "client");
    let broken = agreed(Role::Server, &ours(Role::Server, None), &paramiko).unwrap_err();
    assert!(broken.text.contains("aes128-ctr without strict key exchange"), "{broken}");
    let chacha = with_list(&paramiko, 2, "chacha20-poly1305@openssh.com");
    let one_way = with_list(&chacha, 3, "aes128-gcm@openssh.com");
    assert!(agreed(Role::Server, &ours(Role::Server, None), &one_way).is_err());
    let gcm = with_list(&one_way, 2, "aes128-gcm@openssh.com");
    assert!(!agreed(Role::Server, &ours(Role::Server, None), &gcm).unwrap().strict);
    // later exchanges keep to what the first came to: the marker counts there only
    let (ours, unmarked) = (ours(Role::Server, None), theirs("openssh-9.2", "client"));
    let (ours, theirs) = (KexInit::read(&ours).unwrap(), KexInit::read(&unmarked).unwrap());
    assert!(agree(Role::Server, &ours, &theirs, Some(false)).is_err());
    assert!(agree(Role::Server, &ours, &theirs, Some(true)).unwrap().strict);
}

#[test]
fn nothing_in_common_ends_with_words_that_name_it() {
    let openssh = theirs("openssh-10.0", "client");
    for (list, words) in [
        (0, "key exchange"),
        (1, "host key algorithm"),
        (2, "cipher"),
        (3, "cipher"),
        (6, "compression"),
        (7, "compression"),
    ] {
        let broken =
            agreed(Role::Server, &ours(Role::Server, None), &with_list(&openssh, list, "rot13")).unwrap_err();
        assert!(broken.text.contains(&format!("no {words} in common: the peer has \"rot13\"")), "{broken}");
        assert!(!broken.host_key);
    }
    let ctr = with_list(&openssh, 3, "aes128-ctr");
    let broken =
        agreed(Role::Server, &ours(Role::Server, None), &with_list(&ctr, 5, "hmac-sha1")).unwrap_err();
    assert!(broken.text.contains("no MAC in common"));
    // zlib alone: compression is never agreed on
    assert!(agreed(Role::Server, &ours(Role::Server, None), &with_list(&openssh, 6, "zlib")).is_err());
    let other = with_list(&theirs("openssh-9.2", "server"), 1, "rsa-sha2-512");
    assert!(agreed(Role::Client, &ours(Role::Client, None), &other).unwrap_err().host_key);
}

#[test]
fn a_guess_is_right_if_both_first_names_are() {
    let openssh = theirs("openssh-10.0", "client");
    let mut guessing = openssh.clone();
    let at = guessing.len() - 5;
    guessing[at] = 1;
    let wrong =
        |kexinit: &[u8]| agreed(Role::Server, &ours(Role::Server, None), kexinit).unwrap().wrong_guess;
    assert!(!wrong(&openssh));
    assert!(wrong(&guessing), "its first host key algorithm is a certificate's");
    assert!(!wrong(&with_list(&guessing, 1, "ssh-ed25519,rsa-sha2-512")));
    let other = with_list(&guessing, 1, "ssh-ed25519");
    assert!(wrong(&with_list(
        &other,
        0,
        "curve25519-sha256,mlkem768x25519-sha256,kex-strict-c-v00@openssh.com"
    )));
}

#[test]
fn what_is_cut_off_goes_on_or_is_no_text_is_refused() {
    let whole = theirs("openssh-9.2", "client");
    for end in 0..whole.len() {
        assert!(KexInit::read(&whole[..end]).is_err());
    }
    assert!(KexInit::read(&[&whole[..], b"x"].concat()).is_err());
    for names in ["a,\n", "a b", "\u{e9}"] {
        assert!(KexInit::read(&with_list(&whole, 2, names)).is_err());
    }
    assert!(KexInit::read(&with_list(&whole, 2, &"x,".repeat(MOST_BYTES / 2))).is_err());
}
