//! What a grant opens, in the terms of one of the protocols.

use hoopwire_grant::{Fault, Party};
use hoopwire_session::{Ending, Words};

/// The rights of one protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Rights {
    /// At a PostgreSQL target.
    Postgres(hoopwire_postgres_policy::Rights),
    /// At an SSH target.
    Ssh(hoopwire_ssh_policy::Rights),
    /// At a target of the protocol that only tests speak.
    #[cfg(feature = "skeleton")]
    Skeleton(hoopwire_skeleton::Rights),
}

/// A grant, whatever its protocol.
pub type Grant = hoopwire_grant::Grant<Rights>;

/// A session and a grant of two protocols: nothing that the control plane does on purpose.
#[derive(Clone, Copy, Debug)]
pub struct OtherProtocol;

impl std::fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a grant for another protocol")
    }
}

impl Rights {
    /// PostgreSQL's.
    ///
    /// # Errors
    /// If they are those of another protocol.
    pub fn postgres(self) -> Result<hoopwire_postgres_policy::Rights, OtherProtocol> {
        match self {
            Rights::Postgres(rights) => Ok(rights),
            _ => Err(OtherProtocol),
        }
    }

    /// SSH's.
    ///
    /// # Errors
    /// If they are those of another protocol.
    pub fn ssh(self) -> Result<hoopwire_ssh_policy::Rights, OtherProtocol> {
        match self {
            Rights::Ssh(rights) => Ok(rights),
            _ => Err(OtherProtocol),
        }
    }

    /// The skeleton's.
    ///
    /// # Errors
    /// If they are those of another protocol.
    #[cfg(feature = "skeleton")]
    pub fn skeleton(self) -> Result<hoopwire_skeleton::Rights, OtherProtocol> {
        match self {
            Rights::Skeleton(rights) => Ok(rights),
            _ => Err(OtherProtocol),
        }
    }
}

impl From<OtherProtocol> for Ending {
    fn from(other: OtherProtocol) -> Ending {
        let words = Words::new("the grant is for another protocol than this connection speaks")
            .hint("Tell the gateway's operators.");
        Ending::faulty(Party::Gateway, Fault::NotAuthorized, other.to_string(), words)
    }
}
