//! What a channel lends the target beside itself.

/// What of the client's own the target may open channels to, as long as this one is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lent {
    pub(crate) agent: bool,
    pub(crate) screen: Screen,
}

/// The client's screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Screen {
    #[default]
    No,
    /// For one connection.
    Once,
    Often,
}
