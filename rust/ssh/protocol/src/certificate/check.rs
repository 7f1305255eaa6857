use std::fmt;

use super::{Certificate, Kind};
use crate::keys::BadSignature;

const FORCE_COMMAND: &str = "force-command";
const SOURCE_ADDRESS: &str = "source-address";

/// Why a certificate is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It is for users where a host must show one, or the other way round.
    Kind(Kind),
    /// Signed by a key that is none of ours, with this fingerprint.
    Authority(String),
    /// Its signature proves nothing.
    Signature(BadSignature),
    /// It is valid from this second on, Unix time.
    NotYet(u64),
    /// It was valid until this second, Unix time.
    Expired(u64),
    /// It does not name whom it is shown for.
    Principal,
    /// It has a critical option that is not known here.
    Option(String),
    /// The value of this critical option can't be read.
    OptionValue(&'static str),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distrust::Kind(Kind::User) => f.write_str("the certificate is for a user, not for a host"),
            Distrust::Kind(Kind::Host) => f.write_str("the certificate is for a host, not for a user"),
            Distrust::Authority(key) => {
                write!(f, "the certificate was signed by {key}, which is not trusted here")
            }
            Distrust::Signature(error) => write!(f, "the certificate's signature does not hold: {error}"),
            Distrust::NotYet(from) => write!(f, "the certificate is not valid before {from} (Unix time)"),
            Distrust::Expired(until) => write!(f, "the certificate was valid until {until} (Unix time)"),
            Distrust::Principal => f.write_str("the certificate does not name whom it is shown for"),
            Distrust::Option(name) => write!(f, "the certificate demands {name:?}, which is not known here"),
            Distrust::OptionValue(name) => write!(f, "what the certificate demands by {name} can't be read"),
        }
    }
}

impl std::error::Error for Distrust {}

/// What a user certificate demands of whoever lets its holder in. Each must be kept to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a demand that nobody looks at is not kept"]
pub struct Restrictions<'a> {
    /// Only this command may be run, whatever is asked.
    pub force_command: Option<&'a str>,
    /// Only from these addresses: CIDR blocks with commas between.
    pub source_address: Option<&'a str>,
}

impl Certificate {
    /// Whether this is a certificate of the host `name` at the time `unix_s`, signed by one of `authorities` (blobs).
    ///
    /// The name is compared as OpenSSH does: in lower case, without patterns. A host certificate knows no critical option.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check_host(&self, name: &str, unix_s: u64, authorities: &[Vec<u8>]) -> Result<(), Distrust> {
        self.check(Kind::Host, &name.to_ascii_lowercase(), unix_s, authorities)?;
        match self.critical.first() {
            Some(option) => Err(Distrust::Option(option.name.clone())),
            None => Ok(()),
        }
    }

    /// Whether this is a certificate of the user `principal` at the time `unix_s`, signed by one of `authorities` (blobs),
    /// and what it demands. That its holder has the key is for a signature over the session id to show.
    ///
    /// # Errors
    /// The first thing that does not hold. `verify-required` is not known here, and so refused.
    pub fn check_user(
        &self,
        principal: &str,
        unix_s: u64,
        authorities: &[Vec<u8>],
    ) -> Result<Restrictions<'_>, Distrust> {
        self.check(Kind::User, principal, unix_s, authorities)?;
        let mut restrictions = Restrictions::default();
        for option in &self.critical {
            let (known, place) = match option.name.as_str() {
                FORCE_COMMAND => (FORCE_COMMAND, &mut restrictions.force_command),
                SOURCE_ADDRESS => (SOURCE_ADDRESS, &mut restrictions.source_address),
                other => return Err(Distrust::Option(other.to_owned())),
            };
            *place = Some(option.text().ok_or(Distrust::OptionValue(known))?);
        }
        Ok(restrictions)
    }

    fn check(&self, wanted: Kind, name: &str, unix_s: u64, authorities: &[Vec<u8>]) -> Result<(), Distrust> {
        if self.kind != wanted {
            return Err(Distrust::Kind(self.kind));
        }
        // Before any arithmetic: a stranger's signature is not worth a verification.
        if !authorities.iter().any(|authority| authority == self.authority_blob()) {
            return Err(Distrust::Authority(self.authority().fingerprint()));
        }
        self.verify_signature().map_err(Distrust::Signature)?;
        if unix_s < self.valid_after_s {
            return Err(Distrust::NotYet(self.valid_after_s));
        }
        if unix_s >= self.valid_before_s {
            return Err(Distrust::Expired(self.valid_before_s));
        }
        if name.is_empty() || !self.principals.iter().any(|principal| principal == name) {
            return Err(Distrust::Principal);
        }
        Ok(())
    }
}
