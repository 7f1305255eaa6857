//! What recording costs per turn of the event loop: `cargo bench -p hoopwire-recording`.
//!
//! A turn is what `select 1` makes: a Statement, and a Result with its digest taken elsewhere. Best of ten rounds.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells the time and prints it"
)]

use hoopwire_recording::*;
use std::hint::black_box;
use std::time::Instant;

const TURNS: u32 = 200_000;

fn best(name: &str, bytes: usize, mut turn: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        for _ in 0..TURNS {
            turn();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(TURNS));
    }
    println!("{name:<40} {best:8.0} ns  {bytes:6} bytes");
}

fn main() {
    let header = SegmentHeader {
        sequence: 1,
        epoch: 1,
        created_us: 0,
        first_frame: 1,
        stream: 0,
        previous_seal: [0; 32],
        node: "bench".to_owned(),
    };
    let text = b"SELECT abalance FROM pgbench_accounts WHERE aid = 4711;";
    let statement = Frame::Statement(Statement {
        no: 77,
        via: Via::Simple,
        name: b"",
        text,
        types: &[],
        allow: true,
        reason: b"readers",
    });
    let result = |no| {
        Frame::Result(ResultSpan {
            no,
            rows: 1,
            bytes: 93,
            digest: [7; 32],
            tag: b"SELECT 1",
            last: true,
            sqlstate: b"",
        })
    };
    let mut frames = Frames::new();
    let push = |frames: &mut Frames| {
        frames.clear();
        frames.push(1, 1_800_000_000_000_000, Direction::Upstream, &statement);
        frames.push(1, 1_800_000_000_000_100, Direction::Downstream, &result(77));
        frames.push(1, 1_800_000_000_000_200, Direction::Downstream, &result(0));
    };
    push(&mut frames);
    let pushed = frames.bytes();
    best("push 3 frames", pushed, || push(black_box(&mut frames)));

    let mut chain = Chain::start(&header);
    let mut out = Vec::with_capacity(4096);
    best("one block of 3 frames", pushed + 76, || {
        out.clear();
        chain.append(black_box(&frames), &mut out);
    });
    best("push 3 frames and make the block", pushed + 76, || {
        push(&mut frames);
        out.clear();
        chain.append(black_box(&frames), &mut out);
    });
    let mut one = Frames::new();
    one.push(1, 0, Direction::Upstream, &statement);
    best("one block of 1 frame", one.bytes() + 76, || {
        out.clear();
        chain.append(black_box(&one), &mut out);
    });
}
