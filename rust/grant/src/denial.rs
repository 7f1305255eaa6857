//! The reason of a Deny: texts for the principal, and names that programs may rely on.

use crate::fault::Fault;

/// Stable names of denials that any protocol has; each protocol has more of its own, in an enum like this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The grant's time is over.
    GrantExpired,
    /// The grant has no action that covers this.
    ActionNotGranted,
    /// The budget of rows is used up.
    BudgetRows,
    /// The budget of bytes is used up.
    BudgetBytes,
    /// The budget of statements is used up.
    BudgetStatements,
    /// The budget of time is used up.
    BudgetWallTime,
}

impl Code {
    /// All of them.
    pub const ALL: [Code; 6] = [
        Code::GrantExpired,
        Code::ActionNotGranted,
        Code::BudgetRows,
        Code::BudgetBytes,
        Code::BudgetStatements,
        Code::BudgetWallTime,
    ];

    /// The name in refusals, recordings and logs. It does not change.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Code::GrantExpired => "grant_expired",
            Code::ActionNotGranted => "action_not_granted",
            Code::BudgetRows => "budget_rows",
            Code::BudgetBytes => "budget_bytes",
            Code::BudgetStatements => "budget_statements",
            Code::BudgetWallTime => "budget_wall_time",
        }
    }
}

/// Why something is not allowed. `C` has the names of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial<C> {
    /// What kind of fault it is.
    pub fault: Fault,
    /// Its stable name.
    pub code: C,
    /// For the principal.
    pub message: String,
    /// What is missing.
    pub detail: String,
    /// How to ask for it.
    pub hint: String,
    /// Where in what was asked, in characters from 1: of syntax errors.
    pub position: Option<usize>,
}
