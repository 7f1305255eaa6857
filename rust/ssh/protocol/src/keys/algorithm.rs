use std::fmt;

/// A curve of ECDSA (RFC 5656).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Its name inside a key blob.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Curve::P256 => "nistp256",
            Curve::P384 => "nistp384",
            Curve::P521 => "nistp521",
        }
    }

    /// Bytes of one coordinate, and of each half of a signature.
    pub(crate) fn width(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }
}

/// What a key is: the name at the start of its blob. One type may sign by several [`Algorithm`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `ssh-ed25519`
    Ed25519,
    /// `ecdsa-sha2-nistp256`
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`
    EcdsaP384,
    /// `ecdsa-sha2-nistp521`
    EcdsaP521,
    /// `ssh-rsa`
    Rsa,
    /// `sk-ssh-ed25519@openssh.com`: on a security token
    SkEd25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: on a security token
    SkEcdsaP256,
}

impl KeyType {
    /// All that are known.
    pub const ALL: [KeyType; 7] = [
        KeyType::Ed25519,
        KeyType::EcdsaP256,
        KeyType::EcdsaP384,
        KeyType::EcdsaP521,
        KeyType::Rsa,
        KeyType::SkEd25519,
        KeyType::SkEcdsaP256,
    ];

    /// The name at the start of a key's blob.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyType::Ed25519 => "ssh-ed25519",
            KeyType::EcdsaP256 => "ecdsa-sha2-nistp256",
            KeyType::EcdsaP384 => "ecdsa-sha2-nistp384",
            KeyType::EcdsaP521 => "ecdsa-sha2-nistp521",
            KeyType::Rsa => "ssh-rsa",
            KeyType::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            KeyType::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// The name at the start of the blob of a certificate for such a key.
    #[must_use]
    pub fn certificate_name(self) -> &'static str {
        match self {
            KeyType::Ed25519 => "ssh-ed25519-cert-v01@openssh.com",
            KeyType::EcdsaP256 => "ecdsa-sha2-nistp256-cert-v01@openssh.com",
            KeyType::EcdsaP384 => "ecdsa-sha2-nistp384-cert-v01@openssh.com",
            KeyType::EcdsaP521 => "ecdsa-sha2-nistp521-cert-v01@openssh.com",
            KeyType::Rsa => "ssh-rsa-cert-v01@openssh.com",
            KeyType::SkEd25519 => "sk-ssh-ed25519-cert-v01@openssh.com",
            KeyType::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        }
    }

    /// The type of a plain key's blob.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<KeyType> {
        KeyType::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }

    /// The type of the key that a certificate's blob is for.
    #[must_use]
    pub fn certified(name: &[u8]) -> Option<KeyType> {
        KeyType::ALL.into_iter().find(|kind| kind.certificate_name().as_bytes() == name)
    }

    /// By what a key of this type may sign, the preferred first.
    #[must_use]
    pub fn algorithms(self) -> &'static [Algorithm] {
        match self {
            KeyType::Ed25519 => &[Algorithm::Ed25519],
            KeyType::EcdsaP256 => &[Algorithm::EcdsaP256],
            KeyType::EcdsaP384 => &[Algorithm::EcdsaP384],
            KeyType::EcdsaP521 => &[Algorithm::EcdsaP521],
            KeyType::Rsa => &[Algorithm::RsaSha512, Algorithm::RsaSha256],
            KeyType::SkEd25519 => &[Algorithm::SkEd25519],
            KeyType::SkEcdsaP256 => &[Algorithm::SkEcdsaP256],
        }
    }
}

/// How something is signed: what kex and user authentication negotiate, and the name inside a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `ssh-ed25519`
    Ed25519,
    /// `ecdsa-sha2-nistp256`
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`
    EcdsaP384,
    /// `ecdsa-sha2-nistp521`
    EcdsaP521,
    /// `rsa-sha2-256`
    RsaSha256,
    /// `rsa-sha2-512`
    RsaSha512,
    /// `sk-ssh-ed25519@openssh.com`
    SkEd25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`
    SkEcdsaP256,
}

impl Algorithm {
    /// All that are known, the preferred first.
    pub const ALL: [Algorithm; 8] = [
        Algorithm::Ed25519,
        Algorithm::EcdsaP256,
        Algorithm::EcdsaP384,
        Algorithm::EcdsaP521,
        Algorithm::SkEd25519,
        Algorithm::SkEcdsaP256,
        Algorithm::RsaSha512,
        Algorithm::RsaSha256,
    ];

    /// The keys that sign so.
    #[must_use]
    pub fn key_type(self) -> KeyType {
        match self {
            Algorithm::Ed25519 => KeyType::Ed25519,
            Algorithm::EcdsaP256 => KeyType::EcdsaP256,
            Algorithm::EcdsaP384 => KeyType::EcdsaP384,
            Algorithm::EcdsaP521 => KeyType::EcdsaP521,
            Algorithm::RsaSha256 | Algorithm::RsaSha512 => KeyType::Rsa,
            Algorithm::SkEd25519 => KeyType::SkEd25519,
            Algorithm::SkEcdsaP256 => KeyType::SkEcdsaP256,
        }
    }

    /// Its name where a plain key is offered, and inside every signature.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa-sha2-256",
            Algorithm::RsaSha512 => "rsa-sha2-512",
            other => other.key_type().name(),
        }
    }

    /// Its name where a certificate is offered.
    #[must_use]
    pub fn certificate_name(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa-sha2-256-cert-v01@openssh.com",
            Algorithm::RsaSha512 => "rsa-sha2-512-cert-v01@openssh.com",
            other => other.key_type().certificate_name(),
        }
    }

    /// By its name for a plain key. `ssh-rsa`, which means SHA-1, is none.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().as_bytes() == name)
    }

    /// By its name for a certificate. `ssh-rsa-cert-v01@openssh.com`, which means SHA-1, is none.
    #[must_use]
    pub fn of_certificate(name: &[u8]) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.certificate_name().as_bytes() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
