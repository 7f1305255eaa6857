use super::*;

fn no(names: &Names, name: &[u8]) -> Option<u64> {
    names.prepared(name).map(|prepared| prepared.no)
}

#[test]
fn what_the_target_skipped_changed_nothing() {
    // The last Parse of a name counted, also one that the target never ran.
    for name in [&b"s"[..], b""] {
        let mut names = Names::default();
        names.prepare(name, 1, &[23], Nature::default());
        assert_eq!(no(&names, name), Some(1), "in its round");
        names.settle(true);
        names.end_round();
        names.close(Kind::Statement, name);
        names.prepare(name, 2, &[], Nature::default());
        assert_eq!(no(&names, name), Some(2));
        names.end_round();
        assert_eq!(no(&names, name), None, "it may be either");
        (0..2).for_each(|_| names.settle(false));
        assert_eq!(no(&names, name), Some(1));
        names.close(Kind::Statement, name);
        names.prepare(name, 3, &[], Nature::default());
        names.settle(true);
        names.settle(false);
        assert_eq!(no(&names, name), None);
        assert!(names.ahead.is_empty());
    }
}

#[test]
fn a_portal_is_what_it_was_before_a_bind_that_failed() {
    let mut names = Names::default();
    names.bind(b"p", Bound { no: 7, nature: Nature::default() });
    names.settle(true);
    names.end_round();
    names.bind(b"p", Bound { no: 8, nature: Nature::default() });
    names.bind(b"", Bound { no: 8, nature: Nature::default() });
    assert_eq!((names.portal(b"p"), names.portal(b"")), (8, 8));
    (0..2).for_each(|_| names.settle(false));
    assert_eq!((names.portal(b"p"), names.portal(b"")), (7, 0));
    assert_eq!(names.numbers().collect::<Vec<u64>>(), [7]);
    names.end_transaction();
    assert_eq!((names.portal(b"p"), names.portals.named.len()), (0, 0));
}

#[test]
fn a_query_closes_the_unnamed_statement_and_what_is_on_its_way_to_be_it() {
    let mut names = Names::default();
    names.prepare(b"", 1, &[], Nature::default());
    names.query();
    assert_eq!(no(&names, b""), None);
    names.settle(true);
    assert_eq!(no(&names, b""), None);
    names.prepare(b"", 2, &[20; 7], Nature::default());
    names.settle(true);
    assert_eq!(names.prepared(b"").map(Prepared::types), Some(&[20; 7][..]));
    names.query();
    assert_eq!(no(&names, b""), None);
}

#[test]
fn prepared_statements_cannot_fill_the_memory() {
    // What is remembered of prepared statements was limited in number and not in size: 4,096 names of a
    // megabyte each.
    let mut names = Names::default();
    let held = |names: &Names| names.room.0.load(Ordering::Relaxed);
    for i in 0..3000_u32 {
        let name = [&i.to_be_bytes()[..], &[b'n'; 2000]].concat();
        names.prepare(&name, u64::from(i), &[23; 100], Nature::default());
        names.settle(true);
        names.learn(u64::from(i), &[25; 60_000]);
        names.bind(&name, Bound { no: u64::from(i), nature: Nature::default() });
        names.settle(true);
    }
    assert!((NAMES_MAX_BYTES / 2..=NAMES_MAX_BYTES).contains(&held(&names)));
    for i in 0..3000_u32 {
        let name = [&i.to_be_bytes()[..], &[b'n'; 2000]].concat();
        names.close(Kind::Statement, &name);
        names.close(Kind::Portal, &name);
        (0..2).for_each(|_| names.settle(true));
    }
    assert_eq!((held(&names), names.statements.named.len()), (0, 0));
    names.prepare(b"s", 1, &[23], Nature::default());
    names.prepare(b"s", 2, &[23, 23], Nature::default());
    assert_eq!((held(&names), no(&names, b"s")), (ENTRY_BYTES + 1, Some(2)));
}
