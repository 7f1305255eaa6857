//! Which replies a target still owes: the order of requests, kept until each is answered.
//!
//! Two rules:
//! 1. Every request that goes to the target enters here, in order; every reply of the target settles the
//!    request at the front or belongs to it. What the table below does not list belongs to nobody.
//! 2. A refused request is one, too: in its place goes a request that the target cannot but answer with an
//!    error, so that order, transaction and everything up to the next Sync are as after a server's own error.
//!    What the client is told instead of that error waits here until it comes.
//!
//! Source: PostgreSQL documentation, 55.2 (message flow), and `PostgresMain` for what happens after an error:
//! in the extended protocol everything up to the next Sync is skipped, whatever it is.

use std::collections::VecDeque;

use crate::backend::{Tag, TransactionStatus};

/// A request that awaits its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owed<D> {
    /// Query: ends with ReadyForQuery.
    Query {
        /// The statement's number in this session.
        no: u64,
        /// It only ends a transaction.
        ends: bool,
    },
    /// FunctionCall: ends with ReadyForQuery.
    FunctionCall {
        /// The statement's number in this session.
        no: u64,
    },
    /// Parse: ParseComplete.
    Parse {
        /// The statement's number in this session.
        no: u64,
    },
    /// Bind: BindComplete.
    Bind {
        /// The number of the statement bound, 0 if unknown.
        no: u64,
    },
    /// Describe: RowDescription or NoData, for a statement after ParameterDescription.
    Describe {
        /// The number of the statement described, 0 if unknown.
        no: u64,
    },
    /// Execute: CommandComplete, EmptyQueryResponse or PortalSuspended.
    Execute {
        /// The statement's number in this session.
        no: u64,
        /// It only ends a transaction.
        ends: bool,
    },
    /// Close: CloseComplete.
    Close,
    /// Sync: ReadyForQuery.
    Sync,
    /// CopyDone or CopyFail that went out before the target asked for COPY data: no reply.
    CopyEnd,
    /// Stands for a request that was refused: the target answers with an error.
    Refused {
        /// The refused statement's number, 0 if it has none.
        no: u64,
        /// What the client is told; `None` once it was. It is large, and seldom there.
        denial: Option<Box<D>>,
        /// ReadyForQuery follows by itself (Query, FunctionCall).
        then_ready: bool,
    },
    /// A Describe of the gateway's own: its answer is not the client's.
    OwnDescribe,
}

impl<D> Owed<D> {
    fn no(&self) -> u64 {
        match self {
            Owed::Query { no, .. }
            | Owed::FunctionCall { no }
            | Owed::Parse { no }
            | Owed::Bind { no }
            | Owed::Execute { no, .. }
            | Owed::Describe { no }
            | Owed::Refused { no, .. } => *no,
            Owed::Close | Owed::Sync | Owed::CopyEnd | Owed::OwnDescribe => 0,
        }
    }

    /// It makes or closes a prepared statement or portal.
    fn changes_names(&self) -> bool {
        matches!(self, Owed::Parse { .. } | Owed::Bind { .. } | Owed::Close)
    }

    /// It may end a transaction.
    fn runs(&self) -> bool {
        matches!(self, Owed::Query { .. } | Owed::FunctionCall { .. } | Owed::Execute { .. })
    }

    /// ReadyForQuery comes behind its reply.
    fn ends_round(&self) -> bool {
        matches!(
            self,
            Owed::Query { .. }
                | Owed::FunctionCall { .. }
                | Owed::Sync
                | Owed::Refused { then_ready: true, .. }
        )
    }
}

/// COPY, as the session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Copy {
    /// No COPY.
    #[default]
    None,
    /// The target takes CopyData.
    In,
    /// The target sends CopyData.
    Out,
    /// Both at once: streaming replication.
    Both,
}

/// What a reply of the target does, for the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Part of the reply to statement `no` (0: to none).
    Part {
        /// The statement's number.
        no: u64,
    },
    /// The result of statement `no` ends here.
    EndOfResult {
        /// The statement's number.
        no: u64,
    },
    /// ReadyForQuery.
    Ready,
    /// Asynchronous: belongs to no request.
    Aside,
}

/// A reply that cannot come now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexpected(pub Tag);

/// Requests of the extended protocol up to their Sync.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// The last one has no Sync behind it.
    is_open: bool,
    /// Something of it may have ended the transaction.
    has_run: bool,
}

/// The queue of one session.
#[derive(Debug)]
pub struct Pipeline<D> {
    owed: VecDeque<Owed<D>>,
    copy: Copy,
    /// After an error in the extended protocol with no Sync behind it yet: the target skips up to the Sync.
    skipping: bool,
    /// Syncs sent while the target was taking COPY data: it ignores them, unless the COPY had failed already.
    stray_syncs: u32,
    status: TransactionStatus,
    round: Round,
    /// Whether requests that change names did so, in their order.
    changes: Vec<bool>,
    out_of_step: bool,
}

impl<D> Default for Pipeline<D> {
    fn default() -> Self {
        Pipeline {
            owed: VecDeque::new(),
            copy: Copy::None,
            skipping: false,
            stray_syncs: 0,
            status: TransactionStatus::Idle,
            round: Round::default(),
            changes: Vec::new(),
            out_of_step: false,
        }
    }
}

impl<D> Pipeline<D> {
    /// Requests not settled yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.owed.len()
    }

    /// True when nothing is owed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }

    /// Nothing is owed and no transaction is open: a place where a session can end without harm.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.owed.is_empty() && !self.skipping && self.status == TransactionStatus::Idle
    }

    /// The transaction status of the last ReadyForQuery.
    #[must_use]
    pub fn status(&self) -> TransactionStatus {
        self.status
    }

    /// Requests of the extended protocol went out whose Sync did not: what they did is not committed, and a Sync would
    /// do that.
    #[must_use]
    pub fn is_in_round(&self) -> bool {
        self.round.is_open
    }

    /// The transaction has failed for sure, and whatever is sent now finds it so: the target takes nothing but its end.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let is_told = |owed: &Owed<D>| !owed.runs() && !owed.ends_round();
        self.status == TransactionStatus::Failed
            && !(self.round.is_open && self.round.has_run)
            && self.owed.iter().all(is_told)
    }

    /// The reply that is awaited is that of a Query.
    #[must_use]
    pub fn awaits_query(&self) -> bool {
        matches!(self.owed.front(), Some(Owed::Query { .. }))
    }

    /// The reply that is awaited is that of an Execute of what was prepared as the end of a transaction.
    #[must_use]
    pub fn awaits_prepared_end(&self) -> bool {
        matches!(self.owed.front(), Some(Owed::Execute { ends: true, .. }))
    }

    /// The reply that is awaited is that of a statement sent as the end of a transaction.
    #[must_use]
    pub fn awaits_end(&self) -> bool {
        matches!(self.owed.front(), Some(Owed::Query { ends: true, .. } | Owed::Execute { ends: true, .. }))
    }

    /// The COPY state.
    #[must_use]
    pub fn copy(&self) -> Copy {
        self.copy
    }

    /// The target skips everything up to the next Sync.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// The statement whose reply is awaited, 0 if none.
    #[must_use]
    pub fn current(&self) -> u64 {
        self.owed.front().map_or(0, Owed::no)
    }

    /// The statements of all requests, 0 for those that have none.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.owed.iter().map(Owed::no)
    }

    /// True if the reply that is awaited answers a Describe of the gateway's own.
    #[must_use]
    pub fn awaits_own(&self) -> bool {
        matches!(self.owed.front(), Some(Owed::OwnDescribe))
    }

    /// True if the reply that is awaited answers a client's Describe: a description there tells of no rows to come.
    #[must_use]
    pub fn awaits_description(&self) -> bool {
        matches!(self.owed.front(), Some(Owed::Describe { .. }))
    }

    /// How many ReadyForQuery the target owes.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.owed.iter().filter(|owed| owed.ends_round()).count()
    }

    /// Something of [`Pipeline::changes`] or [`Pipeline::is_out_of_step`] is to be heard.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.out_of_step || !self.changes.is_empty()
    }

    /// Of requests that make or close prepared statements and portals (Parse, Bind, Close), in their order: whether they
    /// did, since this was last asked.
    pub fn changes(&mut self) -> impl Iterator<Item = bool> {
        self.changes.drain(..)
    }

    /// One of them was used up by making a COPY fail that was sent as a Query, before that was known: what was sent
    /// behind it runs, on what its names stood for before.
    #[must_use]
    pub fn is_out_of_step(&self) -> bool {
        self.out_of_step
    }

    /// A request goes to the target. False if the target skips it, or if it is used up by making a COPY fail.
    pub fn push(&mut self, request: Owed<D>) -> bool {
        let is_sync = matches!(request, Owed::Sync);
        if self.copy == Copy::In {
            if is_sync {
                self.stray_syncs = self.stray_syncs.saturating_add(1);
            } else {
                // it makes the COPY fail, and is used up by that (`CopyGetData`: unexpected message type)
                self.copy = Copy::None;
            }
            return false;
        }
        if self.skipping {
            if !is_sync {
                return false;
            }
            self.skipping = false;
        }
        self.round.has_run = (self.round.is_open && self.round.has_run) || request.runs();
        self.round.is_open = !request.ends_round();
        self.owed.push_back(request);
        true
    }

    /// The client's CopyDone or CopyFail goes to the target: from here on a Sync counts again. If the target
    /// has not asked for data yet, the place is kept: it says which Syncs the target ignores.
    pub fn copy_done(&mut self) {
        if self.copy == Copy::In {
            self.copy = Copy::None;
        } else if !self.skipping && !matches!(self.owed.back(), None | Some(Owed::CopyEnd)) {
            self.owed.push_back(Owed::CopyEnd);
        }
    }

    /// Takes the front off, and what behind it has no reply.
    fn pop(&mut self, is_made: bool) {
        let front = self.owed.pop_front();
        if front.is_some_and(|front| front.changes_names()) {
            self.changes.push(is_made);
        }
        while matches!(self.owed.front(), Some(Owed::CopyEnd)) {
            self.owed.pop_front();
        }
    }

    /// What the client is told instead of the error that just came, if that answers a refused request. Asked
    /// before [`Pipeline::reply`].
    pub fn take_denial(&mut self) -> Option<D> {
        match self.owed.front_mut() {
            Some(Owed::Refused { denial, .. }) => denial.take().map(|denial| *denial),
            _ => None,
        }
    }

    /// A message of the target.
    ///
    /// # Errors
    /// [`Unexpected`] if no server sends this type in a session.
    pub fn reply(&mut self, tag: Tag, status: Option<TransactionStatus>) -> Result<Effect, Unexpected> {
        let no = self.current();
        if matches!(self.owed.front(), Some(Owed::Refused { denial: Some(_), .. }))
            && !matches!(
                tag,
                Tag::NoticeResponse
                    | Tag::ParameterStatus
                    | Tag::NotificationResponse
                    | Tag::ErrorResponse
                    | Tag::ReadyForQuery
            )
        {
            // nothing but an error answers what cannot be parsed
            return Err(Unexpected(tag));
        }
        match tag {
            Tag::NoticeResponse | Tag::ParameterStatus | Tag::NotificationResponse => {
                return Ok(Effect::Aside);
            }
            Tag::DataRow | Tag::ParameterDescription | Tag::CopyData => {}
            // in streaming replication the client's half may still be open
            Tag::CopyDone => {
                if self.copy == Copy::Out {
                    self.copy = Copy::None;
                }
            }
            Tag::FunctionCallResponse => return Ok(Effect::EndOfResult { no }),
            Tag::ParseComplete => self.settle(|owed| matches!(owed, Owed::Parse { .. })),
            Tag::BindComplete => self.settle(|owed| matches!(owed, Owed::Bind { .. })),
            Tag::CloseComplete => self.settle(|owed| matches!(owed, Owed::Close)),
            Tag::RowDescription | Tag::NoData => {
                self.settle(|owed| matches!(owed, Owed::Describe { .. } | Owed::OwnDescribe));
            }
            Tag::CommandComplete | Tag::EmptyQueryResponse | Tag::PortalSuspended => {
                self.copy = Copy::None;
                self.settle(|owed| matches!(owed, Owed::Execute { .. }));
                return Ok(Effect::EndOfResult { no });
            }
            Tag::CopyInResponse => self.begin_copy_in(),
            Tag::CopyOutResponse => self.copy = Copy::Out,
            Tag::CopyBothResponse => self.copy = Copy::Both,
            Tag::ErrorResponse => {
                self.fail();
                return Ok(Effect::EndOfResult { no });
            }
            Tag::ReadyForQuery => {
                self.ready(status.unwrap_or(self.status));
                return Ok(Effect::Ready);
            }
            Tag::Authentication | Tag::BackendKeyData | Tag::NegotiateProtocolVersion => {
                return Err(Unexpected(tag));
            }
        }
        Ok(Effect::Part { no })
    }

    fn settle(&mut self, fits: impl Fn(&Owed<D>) -> bool) {
        if self.owed.front().is_some_and(fits) {
            self.pop(true);
        }
    }

    /// CopyInResponse: Syncs that were sent ahead of CopyDone are eaten by the target (55.2.6), and so is any other request:
    /// it makes the COPY fail. Behind a Query the target then goes on with the next one.
    fn begin_copy_in(&mut self) {
        self.copy = Copy::In;
        let skips = !self.owed.front().is_some_and(Owed::ends_round);
        loop {
            match self.owed.get(1) {
                Some(Owed::Sync) => self.stray_syncs = self.stray_syncs.saturating_add(1),
                Some(Owed::CopyEnd) => self.copy = Copy::None,
                Some(request) if skips => {
                    // What comes behind it runs behind the next Sync. If data that went ahead of a Sync has made the COPY
                    // fail already, it is not used up by that, and this cannot be told.
                    self.out_of_step |= self.stray_syncs > 0 && request.changes_names();
                    self.copy = Copy::None;
                    return;
                }
                Some(request) => {
                    self.out_of_step |= request.changes_names();
                    self.copy = Copy::None;
                }
                None => return,
            }
            self.owed.remove(1);
            self.round.is_open = !self.owed.back().is_some_and(Owed::ends_round);
            if self.copy == Copy::None {
                return;
            }
        }
    }

    fn fail(&mut self) {
        let copying = std::mem::take(&mut self.copy);
        if copying == Copy::None {
            self.stray_syncs = 0;
        }
        match self.owed.front() {
            // these end with ReadyForQuery whether they fail or not
            Some(owed) if owed.ends_round() => {}
            None => {}
            Some(_) => {
                while self.owed.front().is_some_and(|owed| !matches!(owed, Owed::Sync)) {
                    self.pop(false);
                }
                // a Sync that went out during the COPY may be the one that the target now stops at
                self.skipping = self.owed.is_empty() && self.stray_syncs == 0;
            }
        }
    }

    fn ready(&mut self, status: TransactionStatus) {
        self.status = status;
        self.skipping = false;
        self.copy = Copy::None;
        while let Some(owed) = self.owed.front() {
            match owed {
                Owed::Refused { denial: Some(_), .. } if self.stray_syncs > 0 => {
                    // its error is still to come: this was for a Sync sent during a COPY that had failed
                    self.stray_syncs = self.stray_syncs.saturating_sub(1);
                    break;
                }
                owed if owed.ends_round() => {
                    self.pop(false);
                    break;
                }
                _ => {
                    self.pop(false);
                }
            }
        }
        if self.owed.is_empty() {
            self.round.is_open = false;
            self.stray_syncs = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageTag;

    type Queue = Pipeline<&'static str>;

    fn replies(queue: &mut Queue, tags: &[u8]) -> Vec<Effect> {
        let open = Some(TransactionStatus::Open);
        tags.iter().map(|byte| queue.reply(Tag::of(*byte).unwrap(), open).unwrap()).collect()
    }

    #[test]
    fn a_failed_transaction_is_known_to_be_one_until_something_may_have_ended_it() {
        // O1: a Parse that was not answered yet made it unknown.
        let mut queue = Queue::default();
        queue.push(Owed::Query { no: 1, ends: false });
        assert!(!queue.has_failed());
        queue.reply(Tag::ReadyForQuery, Some(TransactionStatus::Failed)).unwrap();
        queue.push(Owed::Parse { no: 2 });
        queue.push(Owed::Bind { no: 2 });
        assert!(queue.has_failed());
        queue.push(Owed::Execute { no: 2, ends: true });
        assert!(!queue.has_failed());
        replies(&mut queue, b"12");
        assert!(queue.awaits_end());
        replies(&mut queue, b"C");
        assert!(!queue.has_failed(), "answered, in the same round");
        queue.push(Owed::Sync);
        assert!(!queue.has_failed(), "what the Sync says is not heard");
        queue.reply(Tag::ReadyForQuery, Some(TransactionStatus::Failed)).unwrap();
        queue.push(Owed::Parse { no: 3 });
        assert!(queue.has_failed(), "another round");
    }

    #[test]
    fn a_simple_query_of_two_statements() {
        let mut queue = Queue::default();
        queue.push(Owed::Query { no: 1, ends: false });
        let effects = replies(&mut queue, b"TDDCTDCZ");
        assert_eq!(effects[3], Effect::EndOfResult { no: 1 });
        assert_eq!(effects[6], Effect::EndOfResult { no: 1 });
        assert_eq!(effects[7], Effect::Ready);
        assert!(queue.is_empty());
        assert_eq!(queue.status(), TransactionStatus::Open);
    }

    #[test]
    fn pipelined_statements_keep_their_own_results() {
        // A peer paired pipelined statements with other statements' results.
        let mut queue = Queue::default();
        for no in 1..=3 {
            queue.push(Owed::Parse { no });
            queue.push(Owed::Bind { no });
            queue.push(Owed::Describe { no });
            queue.push(Owed::Execute { no, ends: false });
        }
        queue.push(Owed::Sync);
        for no in 1..=3 {
            let effects = replies(&mut queue, b"12TDC");
            assert_eq!(effects[0], Effect::Part { no });
            assert_eq!(effects[4], Effect::EndOfResult { no });
        }
        assert_eq!(queue.len(), 1);
        replies(&mut queue, b"Z");
        assert!(queue.is_empty());
    }

    #[test]
    fn an_error_skips_to_the_next_sync_and_no_further() {
        let mut queue = Queue::default();
        queue.push(Owed::Parse { no: 1 });
        queue.push(Owed::Bind { no: 1 });
        queue.push(Owed::Execute { no: 1, ends: false });
        queue.push(Owed::Sync);
        queue.push(Owed::Parse { no: 2 });
        queue.push(Owed::Sync);
        assert_eq!(replies(&mut queue, b"1E")[1], Effect::EndOfResult { no: 1 });
        assert_eq!(queue.len(), 3);
        replies(&mut queue, b"Z");
        assert_eq!(queue.current(), 2);
    }

    #[test]
    fn what_is_sent_between_an_error_and_the_sync_is_owed_nothing() {
        let mut queue = Queue::default();
        queue.push(Owed::Parse { no: 1 });
        replies(&mut queue, b"E");
        assert!(queue.is_skipping());
        assert!(!queue.is_idle());
        queue.push(Owed::Query { no: 2, ends: false });
        queue.push(Owed::Bind { no: 1 });
        assert!(queue.is_empty());
        queue.push(Owed::Sync);
        replies(&mut queue, b"Z");
        assert!(queue.is_empty());
        assert!(!queue.is_skipping());
    }

    fn refused(no: u64, then_ready: bool) -> Owed<&'static str> {
        Owed::Refused { no, denial: Some(Box::new("no")), then_ready }
    }

    #[test]
    fn a_denial_waits_for_its_turn() {
        let mut queue = Queue::default();
        queue.push(Owed::Query { no: 1, ends: false });
        queue.push(refused(2, true));
        queue.push(Owed::Query { no: 3, ends: false });
        assert_eq!(queue.take_denial(), None);
        replies(&mut queue, b"CZ");
        assert_eq!((queue.current(), queue.take_denial()), (2, Some("no")));
        replies(&mut queue, b"EZ");
        assert_eq!((queue.current(), queue.take_denial()), (3, None));
    }

    #[test]
    fn a_refused_parse_skips_to_the_sync_as_an_error_does() {
        let mut queue = Queue::default();
        queue.push(Owed::Parse { no: 1 });
        queue.push(refused(2, false));
        queue.push(Owed::Sync);
        queue.push(Owed::Query { no: 3, ends: false });
        replies(&mut queue, b"1");
        assert_eq!(queue.take_denial(), Some("no"));
        replies(&mut queue, b"E");
        assert_eq!(queue.len(), 2);
        replies(&mut queue, b"Z");
        assert_eq!(queue.current(), 3);
    }

    #[test]
    fn a_refused_request_that_succeeds_is_unexpected() {
        // A target that answers the request in place of a refused one with anything but an error has run something.
        for tag in b"1CDTIn".map(|byte| Tag::of(byte).unwrap()) {
            let mut queue = Queue::default();
            queue.push(refused(1, true));
            assert_eq!(queue.reply(tag, None), Err(Unexpected(tag)));
        }
    }

    #[test]
    fn a_request_that_breaks_a_copy_is_owed_no_reply() {
        // It stayed owed for ever, and the replies to all later requests were taken for another's.
        for breaker in [Owed::Query { no: 2, ends: false }, refused(2, true), refused(2, false)] {
            let mut queue = Queue::default();
            queue.push(Owed::Query { no: 1, ends: false });
            replies(&mut queue, b"G");
            queue.push(breaker);
            replies(&mut queue, b"EZ");
            assert!(queue.is_empty());
            queue.push(Owed::Query { no: 3, ends: false });
            assert_eq!(queue.current(), 3);
        }
    }

    #[test]
    fn a_request_that_breaks_a_copy_before_that_was_known_is_owed_no_reply() {
        // It stayed owed: the session was never idle again.
        for (breaker, out_of_step) in [
            (Owed::Query { no: 2, ends: false }, false),
            (Owed::Execute { no: 2, ends: false }, false),
            (Owed::Parse { no: 2 }, true),
        ] {
            let mut queue = Queue::default();
            queue.push(Owed::Query { no: 1, ends: false });
            queue.push(breaker);
            queue.push(Owed::Query { no: 3, ends: false });
            replies(&mut queue, b"G");
            assert_eq!(queue.is_out_of_step(), out_of_step);
            replies(&mut queue, b"EZ");
            assert_eq!((queue.current(), queue.len()), (3, 1));
        }
    }

    #[test]
    fn what_makes_an_executed_copy_fail_is_used_up_once() {
        // Execute of a COPY, a Parse that makes it fail and a Sync went up before the COPY was known of: whatever was
        // sent next was taken to make it fail as well, and the names that it made were those of an older statement.
        let mut queue = Queue::default();
        for request in [Owed::Execute { no: 1, ends: false }, Owed::Parse { no: 2 }, Owed::Sync] {
            assert!(queue.push(request));
        }
        replies(&mut queue, b"G");
        assert!(queue.push(Owed::Parse { no: 3 }));
        assert!(queue.push(Owed::Sync));
        replies(&mut queue, b"EZ1Z");
        assert_eq!(queue.changes().collect::<Vec<_>>(), [false, true]);
        assert!(queue.is_idle() || queue.is_empty());
        // data between the two may have made it fail before the Sync: then the Parse runs
        let mut queue = Queue::default();
        for request in [Owed::Execute { no: 1, ends: false }, Owed::Sync, Owed::Parse { no: 2 }, Owed::Sync] {
            assert!(queue.push(request));
        }
        replies(&mut queue, b"G");
        assert!(queue.is_out_of_step());
    }

    #[test]
    fn what_became_of_names_is_told_in_order() {
        let mut queue = Queue::default();
        for request in [Owed::Parse { no: 1 }, Owed::Bind { no: 1 }, Owed::Close, Owed::Sync] {
            assert!(queue.push(request));
        }
        queue.push(Owed::Query { no: 2, ends: false });
        queue.push(Owed::Bind { no: 3 });
        replies(&mut queue, b"1");
        assert_eq!(queue.changes().collect::<Vec<_>>(), [true]);
        replies(&mut queue, b"E");
        assert_eq!(queue.changes().collect::<Vec<_>>(), [false, false]);
        replies(&mut queue, b"ZEZ");
        assert!(!queue.has_news());
        replies(&mut queue, b"E");
        assert_eq!(queue.changes().collect::<Vec<_>>(), [false]);
        assert!(!queue.push(Owed::Close), "skipped");
    }

    #[test]
    fn a_description_of_our_own_is_known_as_such() {
        let mut queue = Queue::default();
        queue.push(Owed::Bind { no: 1 });
        queue.push(Owed::OwnDescribe);
        queue.push(Owed::Execute { no: 1, ends: false });
        assert!(!queue.awaits_own());
        replies(&mut queue, b"2");
        assert!(queue.awaits_own());
        replies(&mut queue, b"T");
        assert_eq!((queue.awaits_own(), queue.current()), (false, 1));
    }

    #[test]
    fn a_sync_sent_ahead_of_copy_in_is_eaten() {
        let mut queue = Queue::default();
        queue.push(Owed::Parse { no: 1 });
        queue.push(Owed::Bind { no: 1 });
        queue.push(Owed::Execute { no: 1, ends: false });
        queue.push(Owed::Sync);
        replies(&mut queue, b"12G");
        assert_eq!((queue.copy(), queue.len()), (Copy::In, 1));
        replies(&mut queue, b"C");
        queue.push(Owed::Sync);
        replies(&mut queue, b"Z");
        assert!(queue.is_idle() || queue.status() == TransactionStatus::Open);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_sync_behind_a_copy_that_did_not_wait_counts() {
        // CopyDone went out before the target asked for data: the Sync behind it was taken for one that the
        // target ignores, and the next statement's replies were another's.
        let mut queue = Queue::default();
        queue.push(Owed::Execute { no: 1, ends: false });
        queue.push(Owed::Sync);
        queue.copy_done();
        queue.copy_done();
        queue.push(Owed::Sync);
        queue.push(Owed::Query { no: 2, ends: false });
        replies(&mut queue, b"GCZ");
        assert_eq!((queue.current(), queue.len()), (2, 1));
        // outside COPY the target ignores it
        queue.copy_done();
        replies(&mut queue, b"CZ");
        assert!(queue.is_empty());
        queue.copy_done();
        assert!(queue.is_empty());
    }

    #[test]
    fn a_copy_that_fails_while_a_sync_is_on_its_way_ends_in_step() {
        let mut queue = Queue::default();
        queue.push(Owed::Parse { no: 1 });
        queue.push(Owed::Bind { no: 1 });
        queue.push(Owed::Execute { no: 1, ends: false });
        replies(&mut queue, b"12G");
        queue.push(Owed::Sync);
        replies(&mut queue, b"EZ");
        assert!(queue.is_empty());
        assert!(!queue.is_skipping());
        queue.push(Owed::Query { no: 2, ends: false });
        assert_eq!(queue.current(), 2);
    }

    #[test]
    fn a_message_no_server_sends_is_unexpected() {
        for tag in [Tag::Authentication, Tag::BackendKeyData, Tag::NegotiateProtocolVersion] {
            assert_eq!(Queue::default().reply(tag, None), Err(Unexpected(tag)));
        }
        for byte in [b'X', 0, 0xff] {
            assert_eq!(Tag::of(byte), None, "the scanner refuses it");
        }
    }
}
