//! Prepared statements and portals by name, as the target has them.
//!
//! Two rules:
//! 1. A name stands for what the target has said that it made: what it refused or skipped changed nothing.
//! 2. Until it has said so, a name stands for what a request of the same round makes of it: where that fails, the
//!    target skips all behind it up to the Sync. Behind that Sync it stands for nothing that is known.

use foldhash::quality::RandomState;
use hoopwire_postgres_protocol::frontend::Kind;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most memory for the names and types of prepared statements and portals; beyond it parameters are recorded
/// without their types, and executions without their statement.
const NAMES_MAX_BYTES: usize = 1024 * 1024;
/// What an entry costs besides its name and types.
const ENTRY_BYTES: usize = 128;

/// As much of a name as the server tells apart (NAMEDATALEN - 1; its tables cut what they are asked for, too).
const TOLD_APART: usize = 63;

/// The part of a name that counts.
pub(crate) fn kept(name: &[u8]) -> &[u8] {
    name.get(..TOLD_APART).unwrap_or(name)
}

/// What must be known of a statement when it is bound or executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nature {
    /// Its rows may be those of a cursor.
    pub(crate) fetches: bool,
    /// It only ends a transaction.
    pub(crate) ends: bool,
    /// Parameters that name settings to read (`StatementPlan::asks`).
    pub(crate) asks: u32,
}

/// What is known of a prepared statement, to record its parameters as typed values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prepared {
    /// The number of the Parse, 0 if it may be another one.
    pub(crate) no: u64,
    pub(crate) nature: Nature,
    types: Types,
}

/// What is known of a portal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// The number of its statement, 0 if that is not known.
    pub(crate) no: u64,
    pub(crate) nature: Nature,
}

/// What a name stands for at the target.
pub(crate) enum Known<'a, V> {
    /// Nothing that came by a message.
    Nothing,
    Is(&'a V),
    /// It cannot be told.
    Unsure,
}

impl Prepared {
    /// Parameter type OIDs, as declared or as the target said.
    pub(crate) fn types(&self) -> &[u32] {
        match &self.types {
            Types::Few(oids, count) => oids.get(..usize::from(*count)).unwrap_or_default(),
            Types::Many(many) => &many.0,
        }
    }
}

/// Most statements have few parameters: their types need no memory of their own.
const FEW: usize = 6;

#[derive(Clone, Debug)]
enum Types {
    Few([u32; FEW], u8),
    Many(Arc<(Vec<u32>, Taken)>),
}

impl Default for Types {
    fn default() -> Self {
        Types::Few([0; FEW], 0)
    }
}

/// How many bytes are held.
#[derive(Clone, Debug, Default)]
struct Room(Arc<AtomicUsize>);

/// Bytes of the room, given back when this is dropped.
#[derive(Debug)]
struct Taken {
    room: Room,
    bytes: usize,
}

impl Room {
    fn take(&self, bytes: usize) -> Option<Taken> {
        let held = self.0.load(Ordering::Relaxed).saturating_add(bytes);
        if held > NAMES_MAX_BYTES {
            return None;
        }
        self.0.store(held, Ordering::Relaxed);
        Some(Taken { room: self.clone(), bytes })
    }

    /// None if there is no room for them.
    fn types(&self, oids: &[u32]) -> Types {
        let mut few = [0; FEW];
        if let (Some(kept), Ok(count)) = (few.get_mut(..oids.len()), u8::try_from(oids.len())) {
            kept.copy_from_slice(oids);
            return Types::Few(few, count);
        }
        let taken = self.take(oids.len().saturating_mul(4));
        taken.map_or_else(Types::default, |taken| Types::Many(Arc::new((oids.to_vec(), taken))))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What a name stands for.
#[derive(Debug)]
struct Slot<V> {
    settled: Option<V>,
    /// What the last request makes of it, if the target has yet to answer that; `None` if that closes it.
    last: Option<V>,
    /// The round of that request.
    round: u64,
    /// Requests that change it and are not answered.
    ahead: u32,
    /// What so many of these make is gone when they are answered.
    void: u32,
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Slot { settled: None, last: None, round: 0, ahead: 0, void: 0 }
    }
}

impl<V> Slot<V> {
    fn change(&mut self, to: Option<V>, round: u64) {
        self.last = to;
        self.round = round;
        self.ahead = self.ahead.saturating_add(1);
    }

    fn answered(&mut self, is_made: bool, to: Option<V>) {
        self.ahead = self.ahead.saturating_sub(1);
        if is_made {
            self.settled = to.filter(|_| self.void == 0);
        }
        self.void = self.void.saturating_sub(1);
        if self.ahead == 0 {
            self.last = None;
        }
    }

    /// What it stands for is closed behind all that is on its way.
    fn close_behind(&mut self) {
        self.settled = None;
        self.last = None;
        self.void = self.ahead;
    }

    fn get(&self, round: u64) -> Option<&V> {
        match self.ahead {
            0 => self.settled.as_ref(),
            _ => self.last.as_ref().filter(|_| self.round == round),
        }
    }

    fn known(&self, round: u64) -> Known<'_, V> {
        match (self.get(round), self.ahead > 0 && self.round != round) {
            (Some(value), _) => Known::Is(value),
            (None, true) => Known::Unsure,
            (None, false) => Known::Nothing,
        }
    }

    fn is_empty(&self) -> bool {
        self.settled.is_none() && self.ahead == 0
    }
}

/// A name in a table.
#[derive(Clone, Debug)]
enum Key {
    Unnamed,
    Named(Arc<[u8]>),
    /// It is not kept: nothing is known of it.
    Unknown,
}

impl Key {
    fn is(&self, name: &[u8]) -> bool {
        match self {
            Key::Unnamed => name.is_empty(),
            Key::Named(own) => **own == *name,
            Key::Unknown => false,
        }
    }
}

/// All names of one kind. Unnamed ones are kept apart: they are the common case.
#[derive(Debug)]
struct Table<V> {
    unnamed: Slot<V>,
    named: HashMap<Arc<[u8]>, (Slot<V>, Taken), RandomState>,
    /// There was no room for a name.
    is_partial: bool,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table { unnamed: Slot::default(), named: HashMap::default(), is_partial: false }
    }
}

impl<V: Clone> Table<V> {
    /// A request that changes a name goes to the target. A new name is not kept if there is no room for it.
    fn change(&mut self, name: &[u8], to: Option<V>, round: u64, room: &Room) -> Key {
        let name = kept(name);
        if name.is_empty() {
            self.unnamed.change(to, round);
            return Key::Unnamed;
        }
        if let Some((key, _)) = self.named.get_key_value(name) {
            let key = key.clone();
            if let Some((slot, _)) = self.named.get_mut(name) {
                slot.change(to, round);
            }
            return Key::Named(key);
        }
        if to.is_none() {
            return Key::Unknown;
        }
        let Some(taken) = room.take(name.len().saturating_add(ENTRY_BYTES)) else {
            self.is_partial = true;
            return Key::Unknown;
        };
        let key: Arc<[u8]> = Arc::from(name);
        let mut slot = Slot::default();
        slot.change(to, round);
        self.named.insert(key.clone(), (slot, taken));
        Key::Named(key)
    }

    fn answered(&mut self, key: &Key, is_made: bool, to: Option<V>) {
        match key {
            Key::Unnamed => self.unnamed.answered(is_made, to),
            Key::Named(name) => {
                let Some((slot, _)) = self.named.get_mut(name) else { return };
                slot.answered(is_made, to);
                if slot.is_empty() {
                    self.named.remove(name);
                }
            }
            Key::Unknown => {}
        }
    }

    fn slot(&self, name: &[u8]) -> Option<&Slot<V>> {
        let name = kept(name);
        if name.is_empty() { Some(&self.unnamed) } else { self.named.get(name).map(|(slot, _)| slot) }
    }

    fn get(&self, name: &[u8], round: u64) -> Option<&V> {
        self.slot(name).and_then(|slot| slot.get(round))
    }

    fn known(&self, name: &[u8], round: u64) -> Known<'_, V> {
        match self.slot(name).map_or(Known::Nothing, |slot| slot.known(round)) {
            Known::Nothing if self.is_partial => Known::Unsure,
            known => known,
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot<V>> {
        std::iter::once(&self.unnamed).chain(self.named.values().map(|(slot, _)| slot))
    }

    /// What was made is no more.
    fn forget_named(&mut self) {
        if self.named.is_empty() {
            return;
        }
        self.named.retain(|_, (slot, _)| {
            slot.settled = None;
            slot.ahead > 0
        });
    }
}

/// A change that the target has yet to answer.
#[derive(Debug)]
enum Change {
    Statement(Key, Option<Prepared>),
    Portal(Key, Option<Bound>),
}

/// The statements and portals of a session.
#[derive(Debug, Default)]
pub(crate) struct Names {
    statements: Table<Prepared>,
    portals: Table<Bound>,
    /// In the order of their requests: Parse, Bind, Close.
    ahead: VecDeque<Change>,
    /// How many Syncs went to the target.
    round: u64,
    /// A Parse of what only ends a transaction went to the target: till then no name stands for one.
    may_end: bool,
    /// The same of what names settings to read by parameters.
    may_ask: bool,
    /// The same of EXECUTE: it gives parameters that no Bind has.
    may_execute: bool,
    room: Room,
}

impl Names {
    /// A Parse with this number and these types goes to the target.
    pub(crate) fn prepare(&mut self, name: &[u8], no: u64, types: &[u32], nature: Nature) {
        self.may_end |= nature.ends;
        self.may_ask |= nature.asks != 0;
        let prepared = Some(Prepared { no, nature, types: self.room.types(types) });
        let key = self.statements.change(name, prepared.clone(), self.round, &self.room);
        self.ahead.push_back(Change::Statement(key, prepared));
    }

    /// A Bind goes to the target.
    pub(crate) fn bind(&mut self, portal: &[u8], bound: Bound) {
        let key = self.portals.change(portal, Some(bound), self.round, &self.room);
        self.ahead.push_back(Change::Portal(key, Some(bound)));
    }

    /// A Close of a statement or portal goes to the target.
    pub(crate) fn close(&mut self, kind: Kind, name: &[u8]) {
        self.ahead.push_back(match kind {
            Kind::Statement => {
                Change::Statement(self.statements.change(name, None, self.round, &self.room), None)
            }
            Kind::Portal => Change::Portal(self.portals.change(name, None, self.round, &self.room), None),
        });
    }

    /// A Query goes to the target: it closes the unnamed statement and portal, whether it fails or not.
    pub(crate) fn query(&mut self) {
        self.statements.unnamed.close_behind();
        self.portals.unnamed.close_behind();
    }

    /// A Sync goes to the target.
    pub(crate) fn end_round(&mut self) {
        self.round = self.round.saturating_add(1);
    }

    /// The target has answered the next request that changes a name, or skips it.
    pub(crate) fn settle(&mut self, is_made: bool) {
        match self.ahead.pop_front() {
            Some(Change::Statement(key, to)) => self.statements.answered(&key, is_made, to),
            Some(Change::Portal(key, to)) => self.portals.answered(&key, is_made, to),
            None => {}
        }
    }

    /// No transaction is open: no portal is left (PostgreSQL documentation, 55.2.3).
    pub(crate) fn end_transaction(&mut self) {
        self.portals.unnamed.settled = None;
        self.portals.forget_named();
    }

    /// Something was prepared in SQL: any name may be that of another statement now, or still of what it was.
    pub(crate) fn prepared_in_sql(&mut self) {
        let slots = self.statements.named.values_mut().map(|(slot, _)| slot);
        for prepared in slots.filter_map(|slot| slot.settled.as_mut()) {
            (prepared.no, prepared.types) = (0, Types::default());
            prepared.nature.ends = false;
        }
    }

    /// The statement of this name, if it is known.
    pub(crate) fn prepared(&self, name: &[u8]) -> Option<&Prepared> {
        self.statements.get(name, self.round)
    }

    /// The number of the statement that this portal runs, 0 if it is unknown.
    pub(crate) fn portal(&self, name: &[u8]) -> u64 {
        self.portals.get(name, self.round).map_or(0, |bound| bound.no)
    }

    /// What a statement's name stands for.
    pub(crate) fn known_statement(&self, name: &[u8]) -> Known<'_, Prepared> {
        self.statements.known(name, self.round)
    }

    /// What a portal's name stands for.
    pub(crate) fn known_portal(&self, name: &[u8]) -> Known<'_, Bound> {
        self.portals.known(name, self.round)
    }

    /// Whatever this name stands for, it only ends a transaction.
    pub(crate) fn surely_ends(&self, statement: &[u8]) -> bool {
        if !self.may_end {
            return false;
        }
        match self.known_statement(statement) {
            Known::Is(prepared) => prepared.nature.ends,
            Known::Nothing => false,
            Known::Unsure => self.statements.slot(statement).is_some_and(|slot| {
                let may_be = self.ahead.iter().filter_map(|change| match change {
                    Change::Statement(key, to) => to.as_ref().filter(|_| key.is(kept(statement))),
                    Change::Portal(..) => None,
                });
                slot.settled.iter().chain(may_be).all(|prepared| prepared.nature.ends)
            }),
        }
    }

    /// Whether a text may be let through that names settings by parameters, or that executes what may: by EXECUTE they
    /// would be told by another text.
    pub(crate) fn may_tell(&mut self, asks: bool, executes: bool, is_prepared: bool) -> bool {
        let is_clear = !((asks && self.may_execute) || (executes && self.may_ask));
        self.may_execute |= executes && is_prepared;
        is_clear
    }

    /// The parameters by which this statement names settings to read; `None` if that cannot be told.
    pub(crate) fn asks(&self, statement: &[u8]) -> Option<u32> {
        if !self.may_ask {
            return Some(0);
        }
        match self.known_statement(statement) {
            Known::Is(prepared) => Some(prepared.nature.asks),
            Known::Nothing => Some(0),
            Known::Unsure => None,
        }
    }

    /// What this portal runs only ends a transaction.
    pub(crate) fn portal_ends(&self, portal: &[u8]) -> bool {
        self.may_end && matches!(self.known_portal(portal), Known::Is(bound) if bound.nature.ends)
    }

    /// ParameterDescription came for statement `no`.
    pub(crate) fn learn(&mut self, no: u64, types: &[u32]) {
        let named = self.statements.named.values_mut().map(|(slot, _)| slot);
        let mut settled = std::iter::once(&mut self.statements.unnamed)
            .chain(named)
            .filter_map(|slot| slot.settled.as_mut());
        if let Some(prepared) = settled.find(|prepared| no > 0 && prepared.no == no) {
            prepared.types = self.room.types(types);
        }
    }

    /// The numbers of all statements that may yet run.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        let prepared = self.statements.slots().filter_map(|slot| slot.settled.as_ref());
        let bound = self.portals.slots().filter_map(|slot| slot.settled.as_ref());
        let ahead = self.ahead.iter().filter_map(|change| match change {
            Change::Statement(_, to) => to.as_ref().map(|prepared| prepared.no),
            Change::Portal(_, to) => to.as_ref().map(|bound| bound.no),
        });
        prepared.map(|prepared| prepared.no).chain(bound.map(|bound| bound.no)).chain(ahead)
    }
}

#[cfg(test)]
mod tests;
