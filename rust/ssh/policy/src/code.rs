//! The stable names of what is denied at an ssh target: a program may rely on them.

use hoopwire_grant::Fault;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $fault:ident;)+) => {
        /// Why something is denied; docs/protocols/ssh.md has a row for each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            /// What any protocol has.
            Grant(hoopwire_grant::Code),
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// ssh's own.
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
    /// A command that no pattern of the grant matches.
    CommandNotGranted = "command_not_granted", NotGranted;
    /// A command with a character that shells read differently, or that makes more than one command of it.
    CommandNotUnderstood = "command_not_understood", NotGranted;
    /// A shell, under a grant for single commands or files.
    ShellNotGranted = "shell_not_granted", NotGranted;
    /// A path that lies under no prefix of the grant for what is asked of it.
    PathNotGranted = "path_not_granted", NotGranted;
    /// A path of which it is not clear what it names: relative, with `..`, with a NUL.
    PathNotUnderstood = "path_not_understood", NotGranted;
    /// A path of which nobody can say where links on its way lead.
    PathNotChecked = "path_not_checked", NotGranted;
    /// A destination, or an address to listen on, that the grant does not name.
    ForwardNotGranted = "forward_not_granted", NotGranted;
    /// A subsystem that the grant does not name.
    SubsystemNotGranted = "subsystem_not_granted", NotGranted;
    /// An environment variable that the grant does not name, or a value that it may not have.
    VariableNotGranted = "variable_not_granted", NotGranted;
    /// A terminal, agent forwarding or X11 that the grant does not give.
    RequestNotGranted = "request_not_granted", NotGranted;
}

impl From<hoopwire_grant::Code> for Code {
    fn from(code: hoopwire_grant::Code) -> Code {
        Code::Grant(code)
    }
}
