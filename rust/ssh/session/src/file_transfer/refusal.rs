//! Why an sftp request is not passed on, and what the client is answered.

use crate::words;
use hoopwire_ssh_policy::Denial;
use hoopwire_ssh_protocol::sftp::status;

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The grant does not cover it.
    Denied(Box<Denial>),
    /// Whatever the grant says of its paths.
    Own(Own),
    /// The target itself has answered so, to a question about the path.
    Target { code: u32, message: String },
}

/// What is refused by what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    status: u32,
    /// In the recording, and in the answer.
    code: &'static str,
    text: &'static str,
}

impl Refusal {
    pub(super) const LINK: Refusal = Refusal::own(
        "link_not_granted",
        "this grant makes no links: later paths would mean something else. Ask for: shell, or sftp read / and sftp write /",
    );
    pub(super) const NOT_A_FILE: Refusal = Refusal::own(
        "link_not_granted",
        "only plain files get other names under this grant: with a directory's name later paths would mean something \
         else. Copy it, or ask for: shell",
    );
    pub(super) const UNCLEAR: Refusal = Refusal::own(
        "path_not_checked",
        "it can't be told where this path leads: the target is not OpenSSH, and there is a link on the way. Name the place \
         itself, or ask for: shell",
    );
    pub(super) const TOO_MANY: Refusal = Refusal::Own(Own {
        status: status::FAILURE,
        code: "too_many_files",
        text: "too many files are open on this channel. Close some first",
    });
    pub(super) const NO_HANDLE: Refusal = Refusal::Own(Own {
        status: status::FAILURE,
        code: "no_such_handle",
        text: "no file is open by this handle",
    });
    pub(super) const UNKNOWN: Refusal = Refusal::Own(Own {
        status: status::OP_UNSUPPORTED,
        code: "request_not_known",
        text: "the gateway does not know this request, so that nobody can decide it",
    });
    pub(super) const MALFORMED: Refusal = Refusal::Own(Own {
        status: status::BAD_MESSAGE,
        code: "request_not_understood",
        text: "this request has not the form that sftp version 3 gives it",
    });

    const fn own(code: &'static str, text: &'static str) -> Refusal {
        Refusal::Own(Own { status: status::PERMISSION_DENIED, code, text })
    }

    /// The reason in the recording.
    pub(super) fn reason(&self) -> &str {
        match self {
            Refusal::Denied(denial) => denial.code.name(),
            Refusal::Own(own) => own.code,
            Refusal::Target { .. } => "target_refused",
        }
    }

    /// The code of the STATUS that answers it.
    pub(super) fn status(&self) -> u32 {
        match self {
            Refusal::Denied(_) => status::PERMISSION_DENIED,
            Refusal::Own(own) => own.status,
            Refusal::Target { code, .. } => *code,
        }
    }

    /// Its words, with `between` them.
    pub(super) fn words(&self, between: &str) -> String {
        match self {
            Refusal::Denied(denial) => format!("hoopwire: {}", words::lines(&words::of(denial), between)),
            Refusal::Own(own) => format!("hoopwire: {}{between}code: {}", own.text, own.code),
            Refusal::Target { message, .. } => message.clone(),
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Refusal {
        Refusal::Denied(Box::new(denial))
    }
}
