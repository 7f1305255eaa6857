//! Sessions under statement-exact grants: decisions, what they rest on, masks and budgets.

use hoopwire_grant::Party;
use std::time::Duration;

use hoopwire_grant::Budgets;
use hoopwire_postgres_policy::{Grant, Mask, MaskKind, Pattern, Rule, Rules, TestGrant};
use hoopwire_postgres_sql::Verbs;
use hoopwire_session::{Effect, Ending};
use hoopwire_testkit::messages::{framed, parameter};

use crate::link::check::Entry;
use crate::server::{Peer, bind, execute, field, parse, query, sync};

pub(crate) const PEOPLE: &str =
    "c|public|people|public|people|10|1|id|23|f\nc|public|people|public|people|10|2|email|25|f";

pub(crate) fn read() -> Rules {
    let pattern = |schema: &str, name: &str| Pattern { schema: schema.into(), name: name.into() };
    let rule = Rule {
        verbs: Verbs::SELECT,
        objects: vec![pattern("public", "*")],
        except: vec![pattern("public", "secrets")],
    };
    Rules { allow: vec![rule], search_path: vec!["public".into()], read_only: true, ..Rules::default() }
}

pub(crate) fn masked(grant: &mut Grant) {
    let mask = Mask {
        schema: "public".into(),
        relation: "people".into(),
        column: "email".into(),
        kind: MaskKind::Fixed("***".into()),
        compare: false,
    };
    grant.rights.masks = vec![mask].into();
}

fn peer(change: impl FnOnce(&mut Grant)) -> Peer {
    Peer::exact(read(), PEOPLE, change).0
}

fn seen(peer: &Peer, text: &str) -> bool {
    peer.link.down.windows(text.len()).any(|part| part == text.as_bytes())
}

fn is_cancelled(peer: &Peer) -> bool {
    peer.link.effects.iter().any(|effect| matches!(effect, Effect::Call(_)))
}

#[test]
fn the_target_is_told_how_to_read_and_that_nothing_is_written() {
    let peer = peer(|_| {});
    let set = |name: &str| {
        let found = peer.backend.startup.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(set("search_path"), Some("\"public\""));
    assert_eq!(set("standard_conforming_strings"), Some("on"));
    assert_eq!(set("default_transaction_read_only"), Some("on"));
}

#[test]
fn a_refused_statement_is_named_and_the_next_one_runs() {
    let mut peer = peer(|_| {});
    assert_eq!(peer.say(&query("delete from people")), "E:42501 Z:I");
    assert!(peer.last_error(b'D').contains("delete on public.people"), "{}", peer.last_error(b'D'));
    assert_eq!(peer.say(&query("select from secrets")), "E:42501 Z:I");
    assert_eq!(peer.say(&query("select 1")), "T D D C Z:I");
    assert!(!peer.link.up.windows(6).any(|part| part == b"delete"));
}

#[test]
fn of_several_statements_all_or_none_go_up() {
    // The first statement of a text ran before the second was looked at.
    let mut peer = peer(|_| {});
    let before = peer.link.up.len();
    assert_eq!(peer.say(&query("select 1; drop table people")), "E:42501 Z:I");
    assert!(!peer.link.up[before..].windows(8).any(|part| part == b"select 1"));
}

#[test]
fn what_goes_up_in_place_of_read_write() {
    // O4: a driver that always says READ WRITE was refused; now the target hears READ ONLY, in a Query and in a Parse.
    let mut peer = peer(|_| {});
    let heard =
        |peer: &Peer, text: &str| peer.link.up.windows(text.len()).any(|part| part == text.as_bytes());
    peer.say(&query("begin read write"));
    assert!(heard(&peer, "begin read ONLY \0") && !heard(&peer, "begin read write"));
    peer.say(&[parse("named", "set transaction read write"), sync()].concat());
    assert!(heard(&peer, "named\0set transaction read ONLY \0") && !heard(&peer, "transaction read write"));
}

#[test]
fn a_refused_parse_leaves_its_name_unknown() {
    let mut peer = peer(|_| {});
    let all = [parse("s", "delete from people"), bind("s", b"1"), execute(), sync()].concat();
    assert_eq!(peer.say(&all), "E:42501 Z:I");
    assert_eq!(
        peer.say(&[parse("s", "select 1"), bind("s", b"1"), execute(), sync()].concat()),
        "1 2 D D C Z:I"
    );
}

#[test]
fn a_syntax_error_has_its_place() {
    let mut peer = peer(|_| {});
    assert_eq!(peer.say(&query("selec 1")), "E:42601 Z:I");
    assert_eq!(peer.last_error(b'P'), "1");
}

#[test]
fn a_target_that_reads_strings_otherwise_ends_the_session() {
    // standard_conforming_strings went off by a function of the target: from there on it read other statements than
    // the gateway did.
    let strings = [("standard_conforming_strings", "off"), ("client_encoding", "SJIS")];
    // Nor may names mean others: PostgreSQL 18 says where it looks for them.
    for (name, value) in
        [&strings[..], &[("search_path", "audit"), ("search_path", "pg_temp, public")]].concat()
    {
        let mut peer = peer(|_| {});
        peer.link.target(&parameter(name, value));
        assert_eq!(peer.news(), "E:42501");
        assert!(peer.link.session.is_closed(), "{name}");
    }
    for value in ["public", "public, pg_temp", "\"public\", pg_temp", "\"\"", "pg_catalog, public"] {
        let mut peer = peer(|_| {});
        peer.link.target(&parameter("search_path", value));
        assert!(!peer.link.session.is_closed(), "{value}");
    }
}

#[test]
fn a_search_path_that_a_function_moved_ends_the_session_at_the_next_question() {
    // Before PostgreSQL 18 the target does not report it: names meant others than were judged.
    let moved = |path: &str| format!("{PEOPLE}\np|{path}");
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    assert_eq!(peer.say(&query("select id from people")), "T D D C Z:I");
    *catalogue.borrow_mut() = moved("pg_catalog, public");
    assert_eq!(peer.say(&query("select id from people")), "T D D C Z:I", "a part of the pinned one");
    *catalogue.borrow_mut() = moved("audit");
    assert_eq!(peer.say(&query("select id from people")), "E:42501");

    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, |_| {});
    *catalogue.borrow_mut() = moved("audit");
    assert_eq!(peer.say(&query("select id from people")), "T D D C Z:I", "without masks it is asked seldom");
    peer.link.wait(Duration::from_secs(11));
    assert_eq!(peer.say(&query("select id from people")), "E:42501");
}

#[test]
fn what_was_prepared_while_no_setting_was_a_secret_ends_the_session_when_one_is() {
    // A prepared `select setconfig ...` outlived the decision that it rested on, and showed the secret set later.
    let shown = format!("{PEOPLE}\ns|\ns|work_mem");
    let rights = || {
        let mut rights = read();
        let objects = vec![Pattern { schema: "pg_catalog".into(), name: "*".into() }];
        rights.allow.push(Rule { verbs: Verbs::SELECT, objects, except: Vec::new() });
        rights
    };
    let settings = "select setconfig from pg_db_role_setting";
    for (prepared, expected) in [
        (Some("prepare p as select setconfig from pg_db_role_setting"), "E:57P01"),
        (Some("prepare p as select setrole from pg_db_role_setting"), "E:42501 Z:I"),
        (None, "E:42501 Z:I"),
    ] {
        let (mut peer, catalogue) = Peer::exact(rights(), &shown, |_| {});
        if let Some(text) = prepared {
            assert_eq!(peer.say(&query(text)), "T D D C Z:I");
        } else {
            assert_eq!(peer.say(&query(settings)), "T D D C Z:I");
        }
        *catalogue.borrow_mut() = format!("{shown}\ns|app.jwt_secret");
        peer.link.wait(Duration::from_secs(11));
        assert_eq!(peer.say(&query(settings)), expected, "{prepared:?}");
    }
    let (mut peer, catalogue) = Peer::exact(rights(), &shown, |_| {});
    assert_eq!(peer.say(&[parse("s", settings), sync()].concat()), "1 Z:I");
    *catalogue.borrow_mut() = format!("{shown}\ns|app.jwt_secret");
    peer.link.wait(Duration::from_secs(11));
    assert_eq!(peer.say(&[bind("s", b"1"), execute(), sync()].concat()), "E:57P01");
    let (mut peer, _) = Peer::exact(rights(), PEOPLE, |_| {});
    assert_eq!(peer.say(&query(settings)), "E:42501 Z:I", "a target that did not say");
}

#[test]
fn a_target_without_a_catalogue_opens_no_session() {
    // An answer that could not be read was taken for "nothing is masked".
    let (mut peer, _) = Peer::exact(read(), "x|y", |_| {});
    assert!(!peer.link.session.is_ready() && peer.link.session.is_closed());
    assert!(peer.news().is_empty() && peer.last_error(b'C') == "08006");
}

#[test]
fn copy_data_that_was_not_announced_is_not_delivered() {
    // Under masks CopyData passed whatever the target had said before it.
    let mut peer = peer(masked);
    peer.link.target(&framed(b'd', b"ada@example.org\n"));
    assert_eq!(peer.news(), "E:08P01");
    assert!(peer.link.session.is_closed() && !seen(&peer, "ada@"));
}

#[test]
fn masked_cells_are_rewritten_in_both_protocols_whatever_they_are_called() {
    let mut peer = peer(masked);
    assert_eq!(peer.say(&query("select people.email as alias, people.id from people")), "T D C Z:I");
    let all = [parse("", "select people*2"), bind("", b"1"), execute(), sync()];
    // the text is the scripted target's own; what matters here is what it answers
    let _ = peer.say(&all.concat());
    assert!(!seen(&peer, "bob"), "a masked value was delivered");
}

#[test]
fn before_an_execute_the_description_is_asked_for_and_not_shown() {
    // A client that never asks for a description got its rows unmasked.
    let mut peer = peer(masked);
    let text = "select people from people";
    assert_eq!(
        peer.say(&[parse("", text), bind("", b"1"), execute(), sync()].concat()),
        "E:42501 Z:I",
        "a whole row"
    );
    let up = peer.link.up.len();
    let text = "select 1";
    assert_eq!(peer.say(&[parse("", text), bind("", b"1"), execute(), sync()].concat()), "1 2 D D C Z:I");
    let own = framed(b'D', b"P\0");
    assert!(peer.link.up[up..].windows(own.len()).any(|part| part == own));
}

#[test]
fn an_error_shows_no_detail_under_masks() {
    let mut peer = peer(masked);
    peer.link.principal(&query("select 1"));
    peer.link.target(&framed(b'E', b"SERROR\0VERROR\0C23514\0Mviolates\0DFailing row contains (bob).\0\0"));
    assert_eq!(peer.news(), "E:23514");
    assert!(!seen(&peer, "bob"));
    let reports =
        peer.link.ledger.entries.iter().filter(|entry| matches!(entry, Entry::Report { .. })).count();
    assert_eq!(reports, 1);
}

fn must_match(grant: &mut Grant) {
    masked(grant);
    grant.rights.masks_must_match = true;
}

fn unmatched(peer: &Peer) -> Vec<&str> {
    let said = peer.link.effects.iter().filter_map(|effect| match effect {
        Effect::Unmatched(said) => Some(said.iter().map(String::as_str)),
        _ => None,
    });
    said.flatten().collect()
}

#[test]
fn masks_that_must_match_let_nobody_in_while_they_do_not() {
    // H12: a mask on a column that is not there was no mask, and the session began. `masks_must_match` closes.
    let renamed = PEOPLE.replace("|email|", "|mail|");
    let said = format!("{renamed}\nn|deny public.ledger_1999");
    let (peer, _) = Peer::exact(read(), &said, masked);
    assert!(peer.link.session.is_ready());
    assert_eq!(unmatched(&peer), ["mask public.people.email", "deny public.ledger_1999"]);

    for (rows, is_let_in) in [(said.as_str(), false), ("", false), (PEOPLE, true)] {
        let (mut peer, _) = Peer::exact(read(), rows, must_match);
        assert_eq!(peer.link.session.is_ready(), is_let_in, "{rows}");
        if is_let_in {
            assert!(unmatched(&peer).is_empty());
            continue;
        }
        assert!(unmatched(&peer).contains(&"mask public.people.email"));
        let established = |effect: &Effect| matches!(effect, Effect::Established);
        assert!(peer.news().is_empty() && !peer.link.effects.iter().any(established), "it was welcomed");
        assert_eq!(peer.last_error(b'C'), "42501");
        assert!(peer.last_error(b'D').ends_with("code: masks_unmatched"), "{}", peer.last_error(b'D'));
    }
}

#[test]
fn masks_that_must_match_end_a_session_when_they_no_longer_do() {
    // H12: the table was made anew under another name while sessions lived; they read on.
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, must_match);
    assert_eq!(peer.say(&query("select id from people")), "T D D C Z:I");
    *catalogue.borrow_mut() =
        PEOPLE.replace("people|10|", "persons|20|").replace("|public|people|public|", "|public|gone|public|");
    assert_eq!(peer.say(&query("select email from persons")), "E:42501");
    assert!(peer.last_error(b'D').ends_with("code: masks_unmatched") && peer.link.session.is_closed());
}

#[test]
fn a_policy_whose_masks_must_match_from_now_on_ends_its_sessions() {
    // H12: as for masks that are added at a reload: the next session is decided by it.
    let mut peer = peer(masked);
    let mut grant = peer.link.session.grant().cloned().unwrap();
    grant.rights.masks_must_match = true;
    peer.link.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
    assert_eq!(peer.news(), "E:57P01");
}

#[test]
fn an_old_catalogue_is_asked_again_and_the_request_waits() {
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    peer.link.wait(Duration::from_secs(3));
    *catalogue.borrow_mut() = PEOPLE.replace("|email|", "|mail|");
    peer.link.principal(&query("select mail from people"));
    assert!(peer.link.session.holds_principal());
    assert_eq!(
        peer.say(b""),
        "E:42501 Z:I",
        "the masked column has another name now: nothing of it may be read"
    );
    assert!(!peer.link.session.holds_principal());
}

/// A session in which this was said while the catalogue was fresh; since then the masked column has another name.
fn renamed_behind(said: &[u8]) -> Peer {
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    peer.link.principal(said);
    peer.link.wait(Duration::from_secs(3));
    *catalogue.borrow_mut() = PEOPLE.replace("|email|", "|mail|");
    peer
}

#[test]
fn each_statement_that_names_relations_waits_for_an_answer_of_its_own() {
    // What was known could be two seconds old: a table renamed a moment ago was no longer masked.
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    assert_eq!(peer.say(&query("select id from people")), "T D D C Z:I");
    *catalogue.borrow_mut() = PEOPLE.replace("|email|", "|mail|");
    assert_eq!(peer.say(&query("select mail from people")), "E:42501 Z:I");
    *catalogue.borrow_mut() = PEOPLE.to_owned();
    assert_eq!(peer.say(&query("select mail from people")), "T D D C Z:I");

    let up = peer.link.up.len();
    assert_eq!(peer.say(&query("select 1")), "T D D C Z:I");
    assert!(!peer.link.up[up..].windows(9).any(|part| part == b"hoopwire_"), "this one names nothing");
}

#[test]
fn where_nothing_changes_the_cheap_question_is_enough() {
    // The whole catalogue was asked for before each statement, which cost the target several milliseconds.
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    let mut asked = || {
        let up = peer.link.up.len();
        assert_eq!(peer.say(&query("select id from people")), "T D D C Z:I");
        let said = peer.link.up[up..].to_vec();
        let has = |name: &[u8]| said.windows(name.len()).any(|part| part == name);
        (has(b"hoopwire_watch"), has(b"hoopwire_catalogue"))
    };
    assert_eq!(asked(), (true, true), "what is to stay as it is, is not known yet");
    assert_eq!((asked(), asked()), ((true, false), (true, false)));
    catalogue.borrow_mut().push_str("\nc|public|people|public|people|10|3|note|25|f");
    assert_eq!((asked(), asked(), asked()), ((true, true), (true, true), (true, false)));
}

#[test]
fn a_cancel_that_hits_the_question_cancels_the_statement() {
    // It ended the session: the question failed, as with a target that does not know what is asked.
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    let read = query("select id from people");
    for sqlstate in ["57014", "55P03"] {
        *catalogue.borrow_mut() = format!("!{sqlstate}");
        assert_eq!(peer.say(&[read.clone(), query("select 1")].concat()), "E:57014 Z:I T D D C Z:I");
        assert!(peer.last_error(b'D').ends_with("code: catalogue_interrupted"), "{}", peer.last_error(b'D'));
        let extended = [parse("", "select id from people"), bind("", b"1"), execute(), sync()].concat();
        assert_eq!(peer.say(&extended), "E:57014 Z:I");
        assert_eq!(peer.say(&query("begin")), "C Z:T");
        assert_eq!(peer.say(&read), "E:57014 Z:E");
        assert_eq!(peer.say(&query("commit")), "C Z:I");
        *catalogue.borrow_mut() = PEOPLE.to_owned();
        assert_eq!(peer.say(&read), "T D D C Z:I");
    }
    *catalogue.borrow_mut() = "!42P05".to_owned();
    assert_eq!(peer.say(&read), "E:08006", "a statement by that name is not ours");
}

#[test]
fn what_comes_behind_a_statement_is_not_decided_before_that_has_run() {
    // Requests sent at once were decided at once, and ran when the ones before them had ended.
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    peer.link.principal(&[query("select 1"), query("select mail from people")].concat());
    *catalogue.borrow_mut() = PEOPLE.replace("|email|", "|mail|");
    assert_eq!(peer.say(b""), "T D D C Z:I E:42501 Z:I");
}

#[test]
fn a_masked_name_that_the_snapshot_does_not_show_ends_the_session() {
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    catalogue.borrow_mut().push_str("\nx|public|people");
    assert_eq!(peer.say(&query("select mail from people")), "E:57P01");
}

#[test]
fn a_session_that_never_rests_is_not_decided_by_an_old_catalogue() {
    // The catalogue's age was looked at only where nothing was owed: a client that always had a request under way was
    // decided by what was true when it logged in.
    let mut peer = renamed_behind(&query("select 1"));
    assert_eq!(peer.say(&query("select mail from people")), "T D D C Z:I E:42501 Z:I");
}

#[test]
fn a_text_behind_the_end_of_another_message_is_not_decided_by_an_old_catalogue() {
    // ... and only where a piece of the stream began with a message: a client whose pieces began inside of one was
    // never asked for.
    let first = query("select 1");
    let mut peer = renamed_behind(&first[..9]);
    let rest = [&first[9..], &query("select mail from people")].concat();
    assert_eq!(peer.say(&rest), "T D D C Z:I E:42501 Z:I");
}

#[test]
fn the_gateway_ends_no_round_of_the_principal() {
    // The gateway's own question ended with a Sync, also behind a Flush of the principal's: the target committed there
    // what was to be one implicit transaction.
    let (mut peer, _) = Peer::exact(read(), PEOPLE, masked);
    let flush = framed(b'H', b"");
    let one = [parse("", "select id from people"), bind("", b"1"), execute(), flush].concat();
    assert_eq!(peer.say(&one), "1 2 D D C");
    peer.link.wait(Duration::from_secs(3));
    let up = peer.link.up.len();
    assert_eq!(peer.say(&one), "1 2 D D C");
    let asked = &peer.link.up[up..];
    assert!(asked.windows(9).any(|part| part == b"hoopwire_"), "the target was asked");
    assert!(!asked.windows(5).any(|part| part == sync()), "and not with a Sync");
    assert_eq!(peer.say(&sync()), "Z:I");
}

#[test]
fn a_bind_is_not_decided_by_an_old_catalogue() {
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    assert_eq!(peer.say(&[parse("s", "select id from people"), sync()].concat()), "1 Z:I");
    peer.link.principal(&query("select 1"));
    peer.link.wait(Duration::from_secs(3));
    *catalogue.borrow_mut() = PEOPLE.replace("|email|", "|mail|");
    // an error of the whole session: what was prepared rests on what is no longer true
    assert_eq!(peer.say(&[bind("s", b"1"), execute(), sync()].concat()), "T D D C Z:I E:57P01");
}

#[test]
fn a_bind_is_not_told_by_a_parse_that_the_target_may_have_skipped() {
    // The last Parse of the name counted, also one that the target refused or skipped: what was prepared before was bound
    // without a question.
    let (mut peer, _) = Peer::exact(read(), PEOPLE, masked);
    assert_eq!(peer.say(&[parse("s", "select id from people"), sync()].concat()), "1 Z:I");
    assert_eq!(peer.say(&[parse("s", "select 1"), sync()].concat()), "1 Z:I");
    let is_asked = |peer: &mut Peer| {
        let up = peer.link.up.len();
        peer.say(&[bind("s", b"1"), execute(), sync()].concat());
        peer.link.up[up..].windows(9).any(|part| part == b"hoopwire_")
    };
    assert!(is_asked(&mut peer));
    let (mut peer, _) = Peer::exact(read(), PEOPLE, masked);
    assert_eq!(peer.say(&[parse("s", "select 1"), sync()].concat()), "1 Z:I");
    assert!(!is_asked(&mut peer), "nothing here looks names up");
    assert_eq!(peer.say(&query("prepare s as select id from people")), "T D D C Z:I");
    assert!(is_asked(&mut peer));
}

#[test]
fn where_the_catalogue_cannot_be_asked_nothing_passes_that_the_target_would_run() {
    // In a failed transaction, and while the target takes COPY data, texts were decided by what was known before.
    let mut peer = renamed_behind(&[]);
    let in_failed = |peer: &mut Peer| {
        assert_eq!(peer.say(&query("begin")), "C Z:T");
        assert_eq!(peer.say(&query("delete from people")), "E:42501 Z:E");
        peer.link.wait(Duration::from_secs(3));
    };
    in_failed(&mut peer);
    assert_eq!(peer.say(&query("commit; select id from orders")), "E:55000 Z:E");
    assert!(peer.last_error(b'D').ends_with("code: catalogue_too_old"), "{}", peer.last_error(b'D'));
    assert_eq!(
        peer.say(&query("select id from orders")),
        "T D D C Z:E",
        "one statement is the target's to refuse"
    );
    assert_eq!(peer.say(&query("commit")), "C Z:I");
    assert_eq!(peer.say(&query("commit;select id from orders")), "C T D D C Z:I", "now it could be asked");

    in_failed(&mut peer);
    let end = [parse("", "COMMIT;"), bind("", b"1"), execute(), framed(b'H', b"")].concat();
    assert_eq!(peer.say(&end), "1 2 C");
    assert_eq!(peer.say(&[parse("", "select id from orders"), sync()].concat()), "E:55000 Z:I");
}

#[test]
fn a_notification_that_comes_with_the_catalogue_is_delivered() {
    // The answer to the gateway's own question was thought to hold nothing else: a session that listened was ended.
    let (mut peer, _) = Peer::exact(read(), PEOPLE, masked);
    peer.link.wait(Duration::from_secs(3));
    peer.link.principal(&query("select id from people"));
    assert!(peer.link.session.holds_principal());
    peer.link.target(&framed(b'A', b"\0\0\0\x01channel\0payload\0"));
    assert_eq!(peer.say(b""), "A T D D C Z:I");
}

#[test]
fn a_question_waits_for_the_rest_of_a_notification() {
    // It was asked while a notification had come in part: the rest was taken for the beginning of the answer.
    let notification = framed(b'A', b"\0\0\0\x01channel\0payload\0");
    for at in 1..notification.len() {
        let (mut peer, _) = Peer::exact(read(), PEOPLE, masked);
        peer.link.target(&notification[..at]);
        peer.link.principal(&query("select id from people"));
        peer.link.target(&notification[at..]);
        assert_eq!(peer.say(b""), "A T D D C Z:I", "{at}");
    }
}

#[test]
fn a_notification_behind_a_cut_is_delivered_whole() {
    // Its beginning was delivered and its rest was not, where it came in two pieces: the client read on in the middle.
    let notification = framed(b'A', b"\0\0\0\x01channel\0payload\0");
    for at in 1..notification.len() {
        let mut peer = peer(|grant| grant.budgets = Budgets { rows: Some(1), ..Budgets::default() });
        peer.link.principal(&query("select 1"));
        peer.ship();
        let down = peer.link.down.len();
        let row = framed(b'D', b"\0\x01\0\0\0\x011");
        peer.link.target(&[&row[..], &row, &notification[..at]].concat());
        peer.link.target(&notification[at..]);
        let said = &peer.link.down[down..];
        assert!(said.windows(notification.len()).any(|part| part == notification), "{at}");
    }
}

#[test]
fn a_session_with_prepared_statements_ends_when_masked_relations_change() {
    let (mut peer, catalogue) = Peer::exact(read(), PEOPLE, masked);
    assert_eq!(peer.say(&query("prepare p as select id from people")), "T D D C Z:I");
    peer.link.wait(Duration::from_secs(3));
    catalogue.borrow_mut().push_str("\nc|public|people|public|people|10|3|note|25|f");
    assert_eq!(peer.say(&query("execute p")), "E:57P01");
}

#[test]
fn rows_end_exactly_at_the_budget() {
    for extended in [false, true] {
        let mut peer = peer(|grant| grant.budgets = Budgets { rows: Some(5), ..Budgets::default() });
        let text = "select people*4";
        // not SQL for the gateway's grammar: `select people * 4` is
        let one = if extended {
            [parse("", text), bind("", b"1"), execute(), sync()].concat()
        } else {
            query(text)
        };
        let ahead = if extended { "1 2 D D D D C Z:I" } else { "T D D D D C Z:I" };
        assert_eq!(peer.say(&one), ahead);
        let cut = if extended { "1 2 D E:54000 Z:I" } else { "T D E:54000 Z:I" };
        assert_eq!(peer.say(&one), cut);
        assert!(peer.last_error(b'D').ends_with("code: budget_rows"), "{}", peer.last_error(b'D'));
        assert!(is_cancelled(&peer));
        assert_eq!(peer.say(&one), "E:54000 Z:I");
        assert_eq!(peer.link.spent.rows(), 5);
    }
}

#[test]
fn a_budget_leaves_the_transaction_as_an_error_does() {
    // The rows were cut off and the transaction was as if all had gone well: its COMMIT committed.
    let text = "select people*4";
    let one = [parse("", text), bind("", b"1"), execute()].concat();
    let rows = |grant: &mut Grant| grant.budgets = Budgets { rows: Some(2), ..Budgets::default() };
    for (said, heard) in [
        (query(text), "T D D E:54000 Z:E"),
        ([one.clone(), sync()].concat(), "1 2 D D E:54000 Z:E"),
        ([one, framed(b'H', b"")].concat(), "1 2 D D E:54000"),
    ] {
        let mut peer = peer(rows);
        assert_eq!(peer.say(&query("begin")), "C Z:T");
        assert_eq!(peer.say(&said), heard);
        if !heard.contains('Z') {
            assert_eq!(peer.say(&[bind("", b"1"), sync()].concat()), "Z:E");
        }
        assert_eq!(peer.say(&query("select 1")), "E:54000 Z:E");
        let end = [parse("", "COMMIT;"), bind("", b"1"), execute(), sync()].concat();
        assert_eq!(peer.say(&end), "1 2 C Z:I", "a transaction can be ended without a budget");
    }
}

#[test]
fn statements_are_counted_and_the_next_is_refused() {
    let mut peer = peer(|grant| grant.budgets = Budgets { statements: Some(3), ..Budgets::default() });
    assert_eq!(peer.say(&query("select 1;select 2")), "T D D C T D D C Z:I");
    assert_eq!(peer.say(&query("select 1")), "T D D C Z:I");
    assert_eq!(peer.say(&query("select 1")), "E:54000 Z:I");
    assert!(peer.last_error(b'D').ends_with("code: budget_statements"));
}

#[test]
fn a_statement_that_runs_too_long_is_cancelled_and_its_end_says_why() {
    let mut peer = peer(|grant| {
        grant.budgets = Budgets { wall_time: Some(Duration::from_secs(5)), ..Budgets::default() }
    });
    peer.link.principal(&query("select 1"));
    peer.link.wait(Duration::from_secs(6));
    assert!(is_cancelled(&peer));
    let cancelled = framed(b'E', b"SERROR\0VERROR\0C57014\0Mcanceling statement due to user request\0\0");
    peer.link.target(&[cancelled, framed(b'Z', b"I")].concat());
    assert_eq!(peer.news(), "E:54000 Z:I");
    assert!(peer.last_error(b'D').ends_with("code: budget_wall_time"));
    assert!(!field(b"", b'C').contains("57014"));
}

#[test]
fn the_time_of_a_statement_that_the_end_of_its_session_cut_was_not_counted() {
    // Whoever hung up before the answer had run for nothing, again and again.
    for end in ["the principal", "the target", "the gateway"] {
        let mut peer = peer(|grant| {
            grant.budgets = Budgets { wall_time: Some(Duration::from_secs(5)), ..Budgets::default() }
        });
        peer.link.principal(&query("select 1"));
        peer.link.now += Duration::from_millis(600);
        match end {
            "the gateway" => peer.link.end(Ending::quiet(Party::Operator, "ended")),
            side => peer.link.eof(side == "the target"),
        }
        assert_eq!(peer.link.spent.wall_time(), Duration::from_millis(600), "{end}");
    }
}

#[test]
fn new_rights_end_the_session() {
    // A prepared statement lived on under a grant that no longer covered it.
    let mut peer = peer(|_| {});
    assert_eq!(peer.say(&query("prepare p as select 1")), "T D D C Z:I");
    let narrower = Rules { allow: Vec::new(), ..read() };
    let grant = peer.link.grant(Default::default()).with_rules(narrower);
    peer.link.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
    assert_eq!(peer.news(), "E:57P01");
    assert!(peer.link.session.is_closed());
}
