//! The decision: grant, action, now → a permit or a denial.

use crate::denial::{Code, Denial};
use crate::fault::Fault;
use crate::grant::Grant;
use std::time::Instant;

/// What a grant opens at its target: the protocol's part of it.
pub trait Rights: Sized {
    /// What may be asked.
    type Action<'a>;
    /// The names of the protocol's denials.
    type Code: From<Code>;

    /// Does this cover `action`? The grant's time is not looked at here.
    ///
    /// # Errors
    /// What is missing.
    fn covers(grant: &Grant<Self>, action: Self::Action<'_>) -> Result<(), Denial<Self::Code>>;
}

/// Proof that a decision allowed an action. Only [`decide`] makes one.
#[derive(Debug)]
pub struct Permit {
    _private: (),
}

/// Decides whether `grant` allows `action` at `now`: its time first, without any leeway, then its rights.
///
/// The same function answers at admission, for every request, and again when a grant changes.
///
/// # Errors
/// A [`Denial`] with [`Fault::Expired`] from the deadline on, else what the rights say.
#[inline]
pub fn decide<R: Rights>(
    grant: &Grant<R>,
    action: R::Action<'_>,
    now: Instant,
) -> Result<Permit, Denial<R::Code>> {
    if now >= grant.deadline {
        return Err(expired(grant));
    }
    R::covers(grant, action)?;
    Ok(Permit { _private: () })
}

fn expired<R: Rights>(grant: &Grant<R>) -> Denial<R::Code> {
    Denial {
        fault: Fault::Expired,
        code: Code::GrantExpired.into(),
        message: format!("grant {} expired at {}", grant.id, grant.expires_text),
        detail: "The session was ended and its open transaction rolled back.\ncode: grant_expired".to_owned(),
        hint: "Get a new access token from your identity provider and connect again; that makes a new grant."
            .to_owned(),
        position: None,
    }
}
