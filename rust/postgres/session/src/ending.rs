//! Why a session ends, with the words that a PostgreSQL client is told.

use crate::words::{error_report, fatal, of_fault};
use hoopwire_grant::Party;
use hoopwire_postgres_policy::Denial;
use hoopwire_postgres_protocol::error::{ErrorReport, Severity, Sqlstate};
use hoopwire_postgres_protocol::message::FrameError;
use hoopwire_session::Closed;

/// Why a session ends, and the words for the principal.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Who ended it.
    pub by: Party,
    /// For the recording and the audit event: one plain phrase.
    pub reason: String,
    /// What stopped it; `None` for an ordinary end.
    pub sqlstate: Option<Sqlstate>,
    /// FATAL for the principal, if it should hear something.
    pub report: Option<ErrorReport>,
    /// The connection carried a CancelRequest, and was never to be a session.
    pub was_cancel: bool,
}

impl Ending {
    /// An ordinary end.
    #[must_use]
    pub(crate) fn quiet(by: Party, reason: &str) -> Ending {
        Ending { by, reason: reason.to_owned(), sqlstate: None, report: None, was_cancel: false }
    }

    /// An end with a FATAL error.
    #[must_use]
    pub(crate) fn fatal(by: Party, reason: &str, report: ErrorReport) -> Ending {
        let sqlstate = Some(report.sqlstate);
        Ending { by, reason: reason.to_owned(), sqlstate, report: Some(report), was_cancel: false }
    }

    /// The connection carried a CancelRequest, which was passed on.
    pub(crate) fn was_cancel() -> Ending {
        Ending { was_cancel: true, ..Ending::quiet(Party::Principal, "cancel request") }
    }

    /// How it is told to the control plane.
    pub(crate) fn closed(&self) -> Closed {
        Closed {
            by: self.by,
            reason: self.reason.clone(),
            code: self.code().to_owned(),
            was_signal: self.was_cancel,
        }
    }

    /// SQLSTATE, or empty for an ordinary end.
    pub(crate) fn code(&self) -> &str {
        self.sqlstate.as_ref().map_or("", Sqlstate::as_str)
    }

    /// The principal's client broke the protocol.
    #[must_use]
    pub(crate) fn misbehaved_client(what: &str) -> Ending {
        let report = ErrorReport::fatal(Sqlstate::PROTOCOL_VIOLATION, format!("protocol violation: {what}"))
            .with_detail(
                "The gateway closed the connection; nothing of the offending message went to the target.",
            );
        Ending::fatal(Party::Gateway, &format!("client broke the protocol: {what}"), report)
    }

    /// The target broke the protocol.
    #[must_use]
    pub(crate) fn misbehaved_target(what: &str) -> Ending {
        let report =
            ErrorReport::fatal(Sqlstate::PROTOCOL_VIOLATION, "the target broke the PostgreSQL protocol")
                .with_detail(what)
                .with_hint("Tell the gateway's operators; the session cannot go on.");
        Ending::fatal(Party::Gateway, &format!("target broke the protocol: {what}"), report)
    }

    /// The target's catalogue could not be read: nothing could be decided.
    pub(crate) fn no_catalogue(reason: &str) -> Ending {
        let report = ErrorReport::fatal(
            Sqlstate::CONNECTION_FAILURE,
            "the gateway could not read the target's catalogue",
        )
        .with_detail("Without it, it could not decide on statements; your identity was accepted.")
        .with_hint("Try again; if it goes on, tell the gateway's operators.");
        Ending::fatal(Party::Gateway, &format!("catalogue of the target: {reason}"), report)
    }

    /// The decision for the whole session is no longer Allow.
    #[must_use]
    pub(crate) fn denied(denial: &Denial) -> Ending {
        let report = error_report(denial, Severity::Fatal);
        Ending::fatal(Party::Gateway, denial.code.name(), report)
    }
}

impl From<FrameError> for Ending {
    fn from(error: FrameError) -> Ending {
        Ending::misbehaved_client(&error.to_string())
    }
}

impl From<hoopwire_session::Ending> for Ending {
    fn from(ending: hoopwire_session::Ending) -> Ending {
        let hoopwire_session::Ending { by, fault, reason, words } = ending;
        let sqlstate = fault.map(of_fault);
        let report = sqlstate.zip(words).map(|(sqlstate, words)| fatal(sqlstate, words));
        Ending { by, reason, sqlstate, report, was_cancel: false }
    }
}
