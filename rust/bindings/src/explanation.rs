//! What a grant says to a text or to an action, as MessagePack.

use crate::{decode, malformed, pack};
use hoopwire_gateway::Rights;
use hoopwire_postgres_policy::{Explained, View};
use hoopwire_ssh_policy::Action;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;

/// Field names as in `hoopwire.model.explained`.
#[derive(Serialize)]
struct Row<'a> {
    command: &'a str,
    start: usize,
    end: usize,
    allow: bool,
    code: &'a str,
    message: &'a str,
    detail: &'a str,
    hint: &'a str,
    /// Schema, name, verbs.
    relations: Vec<(Option<&'a str>, &'a str, Vec<&'a str>)>,
    /// Schema, name.
    functions: Vec<(Option<&'a str>, &'a str)>,
}

impl<'a> Row<'a> {
    fn of(explained: &'a Explained) -> Row<'a> {
        let denial = explained.denial.as_ref();
        Row {
            command: explained.command,
            start: explained.span.start,
            end: explained.span.end,
            allow: denial.is_none(),
            code: denial.map_or("", |denial| denial.code.name()),
            message: denial.map_or("", |denial| &denial.message),
            detail: denial.map_or("", |denial| &denial.detail),
            hint: denial.map_or("", |denial| &denial.hint),
            relations: (explained.relations.iter())
                .map(|(name, verbs)| (name.schema.as_deref(), name.name.as_str(), verbs.names().collect()))
                .collect(),
            functions: (explained.functions.iter())
                .map(|name| (name.schema.as_deref(), name.name.as_str()))
                .collect(),
        }
    }
}

/// Without a target: its catalogue is not known here.
#[pyfunction]
pub(crate) fn explain<'py>(py: Python<'py>, grant: &[u8], sql: &str) -> PyResult<Bound<'py, PyBytes>> {
    let grant = decode::grant(grant).map_err(malformed)?;
    let grant = grant.try_map(Rights::postgres).map_err(malformed)?;
    let view = View { utf8: true, catalogue: None };
    let explained = py.detach(|| hoopwire_postgres_policy::explain(&grant, sql, &view));
    pack(py, &explained.iter().map(Row::of).collect::<Vec<_>>())
}

/// Field names as in `hoopwire.model.explained.ExplainedAction`.
#[derive(Serialize)]
struct Answer<'a> {
    allow: bool,
    by: &'a str,
    words: &'a [String],
    code: &'a str,
    message: &'a str,
    detail: &'a str,
    hint: &'a str,
}

/// An action of ssh, as a person writes it.
#[pyfunction]
pub(crate) fn explain_action<'py>(
    py: Python<'py>,
    grant: &[u8],
    action: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let grant = decode::grant(grant).map_err(malformed)?;
    let grant = grant.try_map(Rights::ssh).map_err(malformed)?;
    let action = Action::read(action).ok_or_else(|| malformed("no action of ssh"))?;
    let explained = hoopwire_ssh_policy::explain(&grant, &action);
    let denial = explained.denial.as_ref();
    let answer = Answer {
        allow: denial.is_none(),
        by: &explained.by,
        words: &explained.words,
        code: denial.map_or("", |denial| denial.code.name()),
        message: denial.map_or("", |denial| &denial.message),
        detail: denial.map_or("", |denial| &denial.detail),
        hint: denial.map_or("", |denial| &denial.hint),
    };
    pack(py, &answer)
}
