//! H17: commands of the replication protocol are decided one by one.

use hoopwire_postgres_policy::Actions;
use hoopwire_testkit::messages::framed;

use crate::server::{Peer, asking, query};

fn peer(actions: Actions) -> Peer {
    let link = asking(&[("user", "u"), ("database", "orders"), ("replication", "database")]);
    Peer::ready_on(link, actions)
}

#[test]
fn slots_that_are_not_its_own_and_files_of_the_target_were_open_to_it() {
    let mut peer = peer(Actions::REPLICATION);
    for text in [
        "BASE_BACKUP (TARGET 'server', TARGET_DETAIL '/tmp/x')",
        "CREATE_REPLICATION_SLOT mine LOGICAL pgoutput",
        "START_REPLICATION SLOT debezium LOGICAL 0/0",
        "READ_REPLICATION_SLOT debezium",
        "DROP_REPLICATION_SLOT debezium",
        "DROP_REPLICATION_SLOT hoopwire_app WAIT",
        "ALTER_REPLICATION_SLOT debezium (FAILOVER)",
    ] {
        assert_eq!(peer.say(&query(text)), "E:42501 Z:I", "{text}");
        assert!(peer.last_error(b'D').ends_with("code: replication_command_not_granted"));
    }
    for text in [
        "IDENTIFY_SYSTEM",
        "SHOW wal_level",
        "BASE_BACKUP (LABEL 'x')",
        "START_REPLICATION SLOT hoopwire_app LOGICAL 0/0",
    ] {
        assert_eq!(peer.say(&query(text)), "T D D C Z:I", "{text}");
    }
}

#[test]
fn a_temporary_slot_is_its_own_once_it_was_made() {
    let mut peer = peer(Actions::REPLICATION);
    let start = query("START_REPLICATION SLOT t LOGICAL 0/0");
    peer.link.principal(&query("CREATE_REPLICATION_SLOT t TEMPORARY LOGICAL pgoutput"));
    peer.link.target(&[framed(b'E', b"SERROR\0C42710\0Mexists\0\0"), framed(b'Z', b"I")].concat());
    peer.ship();
    peer.replies.clear();
    assert_eq!(peer.news(), "E:42710 Z:I");
    assert_eq!(peer.say(&start), "E:42501 Z:I", "it is somebody else's");
    assert_eq!(peer.say(&query("CREATE_REPLICATION_SLOT t TEMPORARY LOGICAL pgoutput")), "T D D C Z:I");
    assert_eq!(peer.say(&start), "T D D C Z:I");
    assert_eq!(peer.say(&query("DROP_REPLICATION_SLOT t")), "T D D C Z:I");
    assert_eq!(peer.say(&start), "E:42501 Z:I", "it may be somebody else's by now");
    assert_eq!(peer.say(&query("CREATE_REPLICATION_SLOT t TEMPORARY LOGICAL pgoutput")), "T D D C Z:I");
    assert_eq!(peer.say(&query("DROP_REPLICATION_SLOT other")), "E:42501 Z:I");
    assert_eq!(peer.say(&start), "E:42501 Z:I", "an error drops temporary slots");
}

#[test]
fn sql_beside_the_commands_needs_the_action_for_sql() {
    // With replication=database every statement passed under the action `replication` alone.
    let mut peer = peer(Actions::REPLICATION);
    assert_eq!(peer.say(&query("select pg_drop_replication_slot('debezium')")), "E:42501 Z:I");
    assert_eq!(self::peer(Actions::REPLICATION.with(Actions::QUERY)).say(&query("select 1")), "T D D C Z:I");
}
