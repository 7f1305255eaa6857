//! The grammar's library put the process's stderr into a pipe of its own for the time of each parse. What the control
//! plane wrote then (the log, the audit trail) was lost, and two reactors that parsed at once left stderr in a pipe
//! that nobody reads.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use hoopwire_postgres_sql::parse;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
#[allow(clippy::disallowed_methods, reason = "a test of threads has threads")]
fn a_parse_leaves_stderr_alone() {
    let stderr = || std::fs::read_link("/proc/self/fd/2").expect("Linux shows descriptors");
    let before = stderr();
    let is_over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = vec![];
            while !is_over.load(Ordering::Relaxed) {
                let now = stderr();
                if now != before {
                    seen.push(now);
                }
            }
            seen
        });
        let parsers = [(); 2].map(|()| {
            scope.spawn(|| (0..20_000).for_each(|_| drop(parse("select id from people where id = 1"))))
        });
        for parser in parsers {
            parser.join().expect("no panic");
        }
        is_over.store(true, Ordering::Relaxed);
        watcher.join().expect("no panic")
    });
    assert!(seen.is_empty(), "stderr was {:?} for a while", seen.first());
    assert_eq!(stderr(), before);
}
