//! Whose doing something is, and what kind of fault it was. Each protocol says it in its own words: it maps every
//! [`Fault`] to a code of its own by one total function.

/// Who ended a session, or is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The principal's client.
    Principal,
    /// The target.
    Target,
    /// The gateway itself: a decision, a deadline, a limit, a fault of its own.
    Gateway,
    /// The gateway's operators: a revocation, a lock, a shutdown.
    Operator,
}

impl Party {
    const WORDS: [(Party, &'static str); 4] = [
        (Party::Principal, "downstream"),
        (Party::Target, "upstream"),
        (Party::Gateway, "gateway"),
        (Party::Operator, "operator"),
    ];

    /// The word in recordings and audit events.
    #[must_use]
    pub fn word(self) -> &'static str {
        Party::WORDS.into_iter().find(|(party, _)| *party == self).map_or("", |(_, word)| word)
    }

    /// The party with this word, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Party> {
        Party::WORDS.into_iter().find(|(_, known)| *known == word).map(|(party, _)| party)
    }
}

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// What kind of fault stopped an operation or a session.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &[Fault] = &[$(Fault::$name),+];

            /// The word between the control plane and the engine.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Fault::$name => $word,)+
                }
            }

            /// The fault with this word, if there is one.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Fault> {
                match word {
                    $($word => Some(Fault::$name),)+
                    _ => None,
                }
            }
        }
    };
}

faults! {
    /// The grant's time is over.
    Expired = "expired",
    /// The grant, the session or the gateway was ended from our side: a revocation, a changed policy, a shutdown.
    Ended = "ended",
    /// No grant for what was asked: the identity is known, and opens nothing here.
    NotAuthorized = "not_authorized",
    /// The credential proves nobody.
    NotAuthenticated = "not_authenticated",
    /// The grant does not cover the operation.
    NotGranted = "not_granted",
    /// A budget of the grant is used up, or a fixed limit of the gateway would be passed.
    OverLimit = "over_limit",
    /// Too many sessions or connections at a time.
    TooMany = "too_many",
    /// The request is well formed, and its values are not.
    Invalid = "invalid",
    /// A peer broke the protocol.
    BrokeProtocol = "broke_protocol",
    /// The connection to the target failed.
    TargetLost = "target_lost",
    /// The target does not answer, or did not let the gateway in.
    TargetUnreachable = "target_unreachable",
    /// The gateway cannot do it at the moment: to try again helps.
    Unavailable = "unavailable",
    /// The session cannot be recorded any longer.
    NotRecorded = "not_recorded",
    /// A bug of the gateway's.
    Internal = "internal",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_both_ways() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_word(fault.word()), Some(*fault));
        }
        for (party, word) in Party::WORDS {
            assert_eq!((party.word(), Party::from_word(word)), (word, Some(party)));
        }
        assert_eq!((Fault::from_word("57P01"), Party::from_word("")), (None, None));
    }
}
