//! The control plane admits: the session is recorded from here on, and decided as a whole before the target is dialled.

use super::{AwaitUpstream, OPENING};
use crate::caches::Turn;
use crate::ending::Ending;
use crate::live::allowance::Allowance;
use crate::live::cursors::Cursors;
use crate::live::names::Names;
use crate::live::states::{Notice, Stage};
use crate::live::{self, Keys, Live, Replies, Requests, Tally};
use crate::session::{Phase, Session};
use hoopwire_grant::{Meter, decide};
use hoopwire_postgres_policy::{Action, Denial, Rights, startup_settings, told_of_startup};
use hoopwire_postgres_protocol::message::Scanner;
use hoopwire_postgres_protocol::params::Replication;
use hoopwire_postgres_protocol::pipeline::Pipeline;
use hoopwire_recording::{Decision, Direction, Frame};
use hoopwire_session::{Admission, Effect, Silence, after};
use hoopwire_wire::Secret;

impl Session {
    pub(crate) fn admit(
        &mut self,
        admission: Admission<'_, Rights>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if !matches!(self.phase, Phase::AwaitGrant(_)) {
            return Ok(());
        }
        let Phase::AwaitGrant(wait) = std::mem::replace(&mut self.phase, Phase::Closed) else {
            return Ok(());
        };
        let rights = &admission.grant.rights;
        let actions: Vec<&str> = match rights.rules {
            Some(_) => rights.action_texts.iter().map(String::as_str).collect(),
            None => rights.actions.names().collect(),
        };
        turn.record_start(&admission, &actions, &wait.params.application_name);
        let Admission { no, reactor, grant, spent, .. } = admission;
        let cancel_key = turn.caches.cancel_keys.mint(reactor, u64::from(no), wait.minor);
        let replication = wait.params.replication != Replication::Off;
        let live = Live {
            allowance: Allowance::new(Meter::new(grant.budgets, spent)),
            grant: Box::new(grant),
            stage: Stage::default(),
            notice: Notice::default(),
            tally: Tally { no, ..Tally::default() },
            replication: live::Replication { is_on: replication, ..live::Replication::default() },
            keys: Keys { own: cancel_key, target_pid: 0, target_key: Secret::new(Vec::new()) },
            requests: Requests {
                scanner: Scanner::default(),
                discarding: false,
                statement_max_bytes: self.limits.statement_max_bytes,
            },
            replies: Replies::default(),
            pipeline: Pipeline::default(),
            names: Names::default(),
            cursors: Cursors::default(),
            exact: None,
            silence: Silence::new(turn.now),
        };
        self.phase = Phase::AwaitUpstream(Box::new(AwaitUpstream {
            params: wait.params,
            settings: None,
            minor: wait.minor,
            login: None,
            credential: None,
            held: Vec::new(),
            early: wait.early,
            asking: None,
            live: Box::new(live),
        }));
        self.deadline = after(turn.now, self.limits.upstream_login);
        self.decide_connect(turn)?;
        self.decide_settings(turn)?;
        turn.effects.push(Effect::Dial(OPENING));
        Ok(())
    }

    /// The decision for the session as a whole, recorded either way.
    fn decide_connect(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::AwaitUpstream(wait) = &self.phase else { return Ok(()) };
        let grant = &wait.live.grant;
        let asked = [Action::Connect { database: &grant.database }, Action::Replicate];
        let asked = if wait.live.replication.is_on { &asked[..] } else { asked.get(..1).unwrap_or_default() };
        for action in asked {
            let decision = decide(grant, *action, turn.now);
            record_decision(&wait.live, action.name(), &decision, turn);
            decision.map_err(|denial| Ending::denied(&denial))?;
        }
        Ok(())
    }

    /// The decision on the settings of the startup packet, recorded if they could do more than a format does.
    fn decide_settings(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::AwaitUpstream(wait) = &mut self.phase else { return Ok(()) };
        let grant = &wait.live.grant;
        let given = &wait.params.settings;
        let decision = startup_settings(grant, given);
        let told = told_of_startup(given);
        if !told.is_empty() || decision.is_err() {
            let action = format!("startup parameters {told}");
            record_decision(&wait.live, action.trim_end(), &decision, turn);
        }
        wait.settings = Some(decision.map_err(|denial| Ending::denied(&denial))?);
        Ok(())
    }
}

fn record_decision<T>(live: &Live, action: &str, decision: &Result<T, Denial>, turn: &mut Turn<'_>) {
    let frame = Frame::Decision(Decision {
        action,
        allow: decision.is_ok(),
        reason: decision.as_ref().err().map_or("granted", |denial| denial.code.name()),
        policy: &live.grant.policy,
    });
    turn.record(live.tally.no, Direction::Gateway, &frame);
}
