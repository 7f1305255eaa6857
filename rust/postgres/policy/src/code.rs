//! The stable names of what is denied at a PostgreSQL target: a program may rely on them.

use hoopwire_grant::Fault;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $fault:ident;)+) => {
        /// Why something is denied; docs/protocols/postgres.md has a row for each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            /// What any protocol has.
            Grant(hoopwire_grant::Code),
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// PostgreSQL's own.
            pub const OWN: &[Code] = &[$(Code::$name),+];

            /// The name in refusals, recordings and logs. It does not change.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    Code::Grant(code) => code.name(),
                    $(Code::$name => $word,)+
                }
            }

            /// What kind of fault it is; `None` for what any protocol has, which says so itself.
            #[must_use]
            pub fn fault(self) -> Option<Fault> {
                match self {
                    Code::Grant(_) => None,
                    $(Code::$name => Some(Fault::$fault),)+
                }
            }
        }
    };
}

codes! {
    /// A relation, with what is asked of it, is covered by no rule.
    RelationNotGranted = "relation_not_granted", NotGranted;
    /// A deny rule matches, or what shares rows with it does.
    DeniedByRule = "denied_by_rule", NotGranted;
    /// A function that needs a `call` rule.
    FunctionNotGranted = "function_not_granted", NotGranted;
    /// No schema that the session looks in is known to have the function.
    FunctionUnknown = "function_unknown", NotGranted;
    /// A setting, or a value of it, that a session may not choose.
    SettingNotPermitted = "setting_not_permitted", NotGranted;
    /// A setting that may hold a secret.
    SettingNotReadable = "setting_not_readable", NotGranted;
    /// A name of another database than the session's own.
    OtherDatabase = "other_database", NotGranted;
    /// The policy lacks the word that the statement needs.
    StatementNotGranted = "statement_not_granted", NotGranted;
    /// Never a matter of exact grants, or not understood.
    StatementNotUnderstood = "statement_not_understood", NotGranted;
    /// CASCADE reaches objects that the statement does not name.
    CascadeNotGranted = "cascade_not_granted", NotGranted;
    /// READ WRITE under a grant that only reads.
    ReadOnlyGrant = "read_only_grant", NotGranted;
    /// A masked column would show.
    MaskedColumn = "masked_column", NotGranted;
    /// COPY beside other statements, under masks.
    CopyNotAlone = "copy_not_alone", NotGranted;
    /// RETURNING tests a row that may not be there, which may end the target's server.
    RowMayBeAbsent = "row_may_be_absent", NotGranted;
    /// A list of more columns than PostgreSQL has numbers for, which ends its server.
    ListTooWide = "list_too_wide", OverLimit;
    /// The text does not follow PostgreSQL's grammar.
    SyntaxError = "syntax_error", Invalid;
    /// More nesting than the gateway follows.
    StatementTooDeep = "statement_too_deep", OverLimit;
    /// More tokens than the gateway gives to the grammar.
    StatementTooManyTokens = "statement_too_many_tokens", OverLimit;
    /// More work than a text of its length may make.
    StatementTooComplex = "statement_too_complex", OverLimit;
    /// Characters that the session's encoding does not let the gateway read for sure.
    EncodingNotUtf8 = "encoding_not_utf8", NotGranted;
    /// A longer text than the gateway takes.
    StatementTooLong = "statement_too_long", OverLimit;
    /// A replication command that the grant does not cover.
    ReplicationCommandNotGranted = "replication_command_not_granted", NotGranted;
    /// FETCH prepared under a name, which may end the target's server.
    FetchByName = "fetch_by_name", NotGranted;
    /// What is described may be a cursor that is gone, which may end the target's server.
    CursorMayBeGone = "cursor_may_be_gone", NotGranted;
    /// The unnamed portal is gone.
    NoPortal = "no_portal", Invalid;
    /// More COPY under way than the gateway keeps track of, under masks.
    TooManyCopies = "too_many_copies", OverLimit;
    /// What is known of the target is too old, and it could not be asked.
    CatalogueTooOld = "catalogue_too_old", Unavailable;
    /// The question to the target was cancelled.
    CatalogueInterrupted = "catalogue_interrupted", Unavailable;
}

impl From<hoopwire_grant::Code> for Code {
    fn from(code: hoopwire_grant::Code) -> Code {
        Code::Grant(code)
    }
}
