//! Faults and denials in PostgreSQL's terms: the SQLSTATE of each (PostgreSQL documentation, appendix A).

use hoopwire_grant::Fault;
use hoopwire_postgres_policy::{Code, Denial};
use hoopwire_postgres_protocol::error::{ErrorReport, Severity, Sqlstate};
use hoopwire_session::Words;

/// The SQLSTATE of a fault.
pub(crate) fn of_fault(fault: Fault) -> Sqlstate {
    match fault {
        Fault::Expired | Fault::Ended => Sqlstate::ADMIN_SHUTDOWN,
        Fault::NotAuthorized => Sqlstate::INVALID_AUTHORIZATION,
        Fault::NotAuthenticated => Sqlstate::INVALID_PASSWORD,
        Fault::NotGranted => Sqlstate::INSUFFICIENT_PRIVILEGE,
        Fault::OverLimit => Sqlstate::PROGRAM_LIMIT_EXCEEDED,
        Fault::TooMany => Sqlstate::TOO_MANY_CONNECTIONS,
        Fault::Invalid => Sqlstate::INVALID_PARAMETER_VALUE,
        Fault::BrokeProtocol => Sqlstate::PROTOCOL_VIOLATION,
        Fault::TargetLost => Sqlstate::CONNECTION_FAILURE,
        Fault::TargetUnreachable => Sqlstate::UNABLE_TO_CONNECT,
        Fault::Unavailable => Sqlstate::CANNOT_CONNECT_NOW,
        Fault::NotRecorded => Sqlstate::IO_ERROR,
        Fault::Internal => Sqlstate::INTERNAL_ERROR,
    }
}

/// The SQLSTATE of a denial: the precise one where PostgreSQL has one, else that of its fault.
pub(crate) fn of_denial(denial: &Denial) -> Sqlstate {
    match denial.code {
        Code::SyntaxError => Sqlstate::SYNTAX_ERROR,
        Code::StatementTooDeep | Code::StatementTooComplex => Sqlstate::STATEMENT_TOO_COMPLEX,
        Code::ListTooWide => Sqlstate::TOO_MANY_COLUMNS,
        Code::RowMayBeAbsent | Code::FetchByName | Code::CursorMayBeGone => Sqlstate::FEATURE_NOT_SUPPORTED,
        Code::NoPortal => Sqlstate::INVALID_CURSOR_NAME,
        Code::CatalogueTooOld => Sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
        Code::CatalogueInterrupted => Sqlstate::QUERY_CANCELED,
        _ => of_fault(denial.fault),
    }
}

/// A denial as an error of the protocol.
pub(crate) fn error_report(denial: &Denial, severity: Severity) -> ErrorReport {
    let report = ErrorReport::error(of_denial(denial), denial.message.clone())
        .with_detail(denial.detail.clone())
        .with_hint(denial.hint.clone())
        .at(denial.position);
    ErrorReport { severity, ..report }
}

/// Words as a FATAL error.
pub(crate) fn fatal(sqlstate: Sqlstate, words: Words) -> ErrorReport {
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    ErrorReport {
        detail: said(words.detail),
        hint: said(words.hint),
        ..ErrorReport::fatal(sqlstate, words.message)
    }
}

/// The SQLSTATE of a fault, as text.
#[must_use]
pub fn sqlstate(fault: Fault) -> String {
    of_fault(fault).to_string()
}

/// What a connection is told that does not come to be a session at all.
#[must_use]
pub fn turned_away(fault: Fault, words: Words) -> Vec<u8> {
    let mut out = Vec::new();
    fatal(of_fault(fault), words).encode(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SQLSTATE of a denial with this code.
    fn of_code(code: Code) -> String {
        let fault = code.fault().unwrap_or(Fault::NotGranted);
        let text = String::new;
        let denial = Denial { fault, code, message: text(), detail: text(), hint: text(), position: None };
        of_denial(&denial).to_string()
    }

    #[test]
    fn a_code_says_the_same_sqlstate_as_ever() {
        for (code, expected) in [
            (Code::SyntaxError, "42601"),
            (Code::StatementTooManyTokens, "54000"),
            (Code::StatementTooLong, "54000"),
            (Code::TooManyCopies, "54000"),
            (Code::RowMayBeAbsent, "0A000"),
            (Code::FetchByName, "0A000"),
            (Code::CursorMayBeGone, "0A000"),
            (Code::ListTooWide, "54011"),
            (Code::StatementTooDeep, "54001"),
            (Code::StatementTooComplex, "54001"),
            (Code::NoPortal, "34000"),
            (Code::CatalogueTooOld, "55000"),
            (Code::CatalogueInterrupted, "57014"),
        ] {
            assert_eq!(of_code(code), expected, "{code:?}");
        }
        let rest = Code::OWN.iter().filter(|code| code.fault() == Some(Fault::NotGranted));
        for code in rest.filter(|code| of_code(**code) != "0A000") {
            assert_eq!(of_code(*code), "42501", "{code:?}");
        }
    }
}
