//! A frame's payload: one MessagePack array, written by hand. Writing to a `Vec` cannot fail, so the results of
//! `rmp` are let go here and nowhere else.

use crate::frame::{Frame, Parameter, SessionStart};
use rmp::encode;

pub(crate) fn array(out: &mut Vec<u8>, len: usize) {
    let _ = encode::write_array_len(out, u32::try_from(len).unwrap_or(u32::MAX));
}

pub(crate) fn uint(out: &mut Vec<u8>, value: u64) {
    let _ = encode::write_uint(out, value);
}

fn sint(out: &mut Vec<u8>, value: i64) {
    let _ = encode::write_sint(out, value);
}

pub(crate) fn flag(out: &mut Vec<u8>, value: bool) {
    let _ = encode::write_bool(out, value);
}

pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    let _ = encode::write_str(out, value);
}

pub(crate) fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    let _ = encode::write_bin(out, value);
}

/// Appends the payload of `frame`.
pub(crate) fn payload(frame: &Frame<'_>, out: &mut Vec<u8>) {
    match frame {
        Frame::SessionStart(start) => session_start(start, out),
        Frame::SessionContinued(continued) => {
            array(out, 2);
            text(out, continued.session);
            text(out, continued.grant);
        }
        Frame::SessionEnd(end) => {
            array(out, 7);
            text(out, end.closed_by);
            text(out, end.reason);
            text(out, end.sqlstate);
            uint(out, end.statements);
            uint(out, end.rows);
            uint(out, end.bytes_in);
            uint(out, end.bytes_out);
        }
        Frame::Statement(statement) => {
            array(out, 7);
            uint(out, statement.no);
            text(out, statement.via.word());
            bytes(out, statement.name);
            bytes(out, statement.text);
            array(out, statement.types.len());
            for oid in statement.types {
                uint(out, u64::from(*oid));
            }
            flag(out, statement.allow);
            bytes(out, statement.reason);
        }
        Frame::Bind(bind) => {
            array(out, 5);
            uint(out, bind.no);
            bytes(out, bind.portal);
            bytes(out, bind.name);
            array(out, bind.parameters.len());
            for each in bind.parameters {
                parameter(each, out);
            }
            uint(out, bind.bytes);
        }
        Frame::Execute(execute) => {
            array(out, 3);
            bytes(out, execute.portal);
            uint(out, execute.no);
            sint(out, execute.max_rows);
        }
        Frame::Request(request) => {
            array(out, 3);
            uint(out, u64::from(request.kind));
            bytes(out, request.name);
            uint(out, request.bytes);
        }
        Frame::Input(input) => {
            array(out, 2);
            uint(out, input.bytes);
            bytes(out, &input.digest);
        }
        Frame::Result(span) => {
            array(out, 7);
            uint(out, span.no);
            uint(out, span.rows);
            uint(out, span.bytes);
            bytes(out, &span.digest);
            bytes(out, span.tag);
            flag(out, span.last);
            bytes(out, span.sqlstate);
        }
        Frame::Rows(rows) => {
            array(out, 1);
            bytes(out, rows);
        }
        Frame::Report(report) => {
            array(out, 3);
            text(out, report.severity);
            text(out, report.sqlstate);
            bytes(out, report.message);
        }
        Frame::Decision(decision) => {
            array(out, 4);
            text(out, decision.action);
            flag(out, decision.allow);
            text(out, decision.reason);
            text(out, decision.policy);
        }
        Frame::GrantChanged(changed) => {
            array(out, 2);
            text(out, changed.grant);
            text(out, changed.reason);
        }
        Frame::Cancel(cancel) => {
            array(out, 2);
            flag(out, cancel.allow);
            text(out, cancel.from);
        }
        Frame::Ssh(frame) => frame.write(out),
    }
}

fn session_start(start: &SessionStart<'_>, out: &mut Vec<u8>) {
    array(out, 15);
    for field in [
        start.session,
        start.grant,
        start.issuer,
        start.principal,
        start.principal_name,
        start.principal_kind,
        start.target,
        start.database,
    ] {
        text(out, field);
    }
    array(out, start.actions.len());
    for action in start.actions {
        text(out, action);
    }
    for field in [start.policy, start.policy_hash, start.task, start.peer, start.application_name, start.node]
    {
        text(out, field);
    }
}

fn parameter(parameter: &Parameter<'_>, out: &mut Vec<u8>) {
    array(out, 4);
    uint(out, u64::from(parameter.oid));
    sint(out, i64::from(parameter.format));
    match parameter.value {
        Some(value) => bytes(out, value),
        None => {
            let _ = encode::write_nil(out);
        }
    }
    uint(out, parameter.length);
}
