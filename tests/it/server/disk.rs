//! A server of its own on a disk that fails: every write and every sync of the store in turn, with `ENOSPC` and `EIO`,
//! once and for a while. No delivery is answered 202 that is not durable, and all goes on when the disk is well again, without
//! a start.
//!
//! `QUANTUM_FAULTS=N` fails N more calls of each kind in a lap of large deliveries, with which a checkpoint comes.

use super::{answer, headers, killed::serving, request};
use crate::{
    crash::tracer::faulty::{Call, Ended, Fault, Faulty, File},
    size,
};
use quantumlayer::store::Store;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use std::{collections::BTreeSet, path::Path};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// Calls of each kind that fail in the lap of large deliveries, when nobody says otherwise.
const FAULTS: usize = 1;
/// Bytes of a large delivery that can't be packed; so many of them that SQLite comes to a checkpoint (1,000 pages).
const LARGE: usize = 700_000;
const LARGE_ONES: usize = 6;
/// Small deliveries of a lap.
const SMALL_ONES: usize = 2;
/// A fault that lasts until it is taken away.
const ALWAYS: usize = usize::MAX;

/// The server, who talks to it, and what it promised.
struct Story {
    disk: Faulty,
    stream: TcpStream,
    noise: String,
    number: usize,
    acknowledged: BTreeSet<String>,
    refused: usize,
    failed: usize,
    known: Disk,
}

impl Story {
    async fn begin(folder: &Path) -> Self {
        let (disk, address) = serving(folder, |command| Faulty::start(command, "quantum.db"));
        let stream = TcpStream::connect(address).await.unwrap();
        let (acknowledged, number) = (BTreeSet::new(), 0);
        Self {
            disk,
            stream,
            noise: noise(LARGE),
            number,
            acknowledged,
            refused: 0,
            failed: 0,
            known: Disk::default(),
        }
    }

    /// Sends one delivery and looks at its answer; whether it was kept.
    async fn send(&mut self, id: &str, size: usize, is_again: bool, why: &str) -> bool {
        let body = format!("{{\"id\":\"{id}\",\"noise\":\"{}\"}}", &self.noise[..size]);
        self.disk.ended();
        let request = request(&headers(id, "issue_comment", body.as_bytes()), body.as_bytes());
        self.stream.write_all(&request).await.unwrap();
        let answer = answer(&mut self.stream).await.unwrap_or_else(|| panic!("{why}: no answer"));
        let ended = self.disk.ended();
        self.failed += ended.iter().filter(|ended| !ended.is_good).count();
        ended.iter().for_each(|ended| self.known.learn(*ended));
        match answer.status {
            202 => {
                // what was refused may have come there all the same: then it was made durable anew
                let is_there = is_again
                    && answer.state() == "duplicate"
                    && !self.known.is_pending
                    && !self.known.is_lost;
                let is_new = answer.state() == "stored" && self.known.is_durable(&ended);
                assert!(
                    is_there || is_new,
                    "{why}: {id}, {}, was acknowledged after {ended:?}",
                    answer.state()
                );
                self.acknowledged.insert(id.to_owned());
                true
            }
            status => {
                let is_told = answer.head.contains("retry-after: 30");
                assert_eq!((status, is_told), (503, true), "{why}: {answer:?}");
                self.refused += 1;
                false
            }
        }
    }

    /// Sends some deliveries while the disk is so, then those again that were refused, when it is well.
    async fn lap(&mut self, fault: Option<Fault>, (count, size): (usize, usize)) {
        let why = format!("{fault:?}");
        self.disk.set(fault);
        let mut again = Vec::new();
        for _ in 0..count {
            self.number += 1;
            let id = format!("d{}", self.number);
            if !self.send(&id, size, false, &why).await {
                again.push(id);
            }
        }
        self.disk.set(None);
        for id in again {
            assert!(self.send(&id, size, true, &why).await, "{why}: {id} is refused by a disk that is well");
        }
    }

    /// How many calls of each kind such a lap makes on a disk that is well.
    async fn calm(&mut self, deliveries: (usize, usize)) -> [(Call, usize); 2] {
        self.disk.set(None);
        let mut made = [(Call::Write, 0), (Call::Sync, 0)];
        for _ in 0..deliveries.0 {
            self.number += 1;
            let (id, before) = (format!("d{}", self.number), self.disk.made());
            assert!(self.send(&id, deliveries.1, false, "calm").await);
            let after = self.disk.made();
            made[0].1 += after.0 - before.0;
            made[1].1 += after.1 - before.1;
        }
        made
    }
}

/// What is known of the disk by the calls that ended.
#[derive(Clone, Copy, Debug, Default)]
struct Disk {
    /// Bytes are in the log that no sync made durable yet.
    is_pending: bool,
    /// A sync of the log failed: what was written before it is not made durable by any later one.
    is_lost: bool,
    /// The database itself was written and not synced yet.
    is_copied: bool,
}

impl Disk {
    fn learn(&mut self, ended: Ended) {
        match (ended.file, ended.call, ended.is_good) {
            (File::Log, Call::Write, true) => self.is_pending = true,
            (File::Log, Call::Sync, is_good) => {
                (self.is_pending, self.is_lost) = (false, self.is_lost || !is_good)
            }
            (File::Main, Call::Write, true) => self.is_copied = true,
            // all that the log holds is in the database
            (File::Main, Call::Sync, true) if self.is_copied => *self = Self::default(),
            (File::Main, Call::Sync, _) => self.is_copied = false,
            (File::Index, ..) | (_, Call::Write, false) => {}
        }
    }

    /// Whether something that was written just now is durable.
    fn is_durable(self, ended: &[Ended]) -> bool {
        let last =
            |call| ended.iter().rposition(|one| one.file == File::Log && one.call == call && one.is_good);
        let failed =
            ended.iter().rposition(|one| one.file == File::Log && one.call == Call::Sync && !one.is_good);
        !self.is_pending && last(Call::Write) > failed && last(Call::Sync) > last(Call::Write)
    }
}

/// Text that does not get smaller by packing.
fn noise(bytes: usize) -> String {
    let (mut dice, mut text) = (1_u64, String::with_capacity(bytes + 16));
    while text.len() < bytes {
        // xorshift
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        text += &format!("{dice:016x}");
    }
    text
}

/// How a kind of lap is failed: what it sends, how many calls of each kind are, and how.
struct Kind {
    deliveries: (usize, usize),
    most: usize,
    how: &'static [(i32, usize)],
}

#[tokio::test]
async fn every_write_and_sync_fails_in_turn_and_nothing_is_lost() {
    if !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: calls are only failed on x86_64");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut story = Story::begin(folder.path()).await;
    let all = &[(libc::ENOSPC, 1), (libc::EIO, 1), (libc::ENOSPC, ALWAYS), (libc::EIO, 3)];
    let small = Kind { deliveries: (SMALL_ONES, 1_000), most: usize::MAX, how: all };
    let faults = size::count("QUANTUM_FAULTS", FAULTS);
    let how = if faults == FAULTS { &all[1..3] } else { all };
    let large = Kind { deliveries: (LARGE_ONES, LARGE), most: faults, how };
    let mut laps = 0;
    for Kind { deliveries, most, how } in [small, large] {
        for (call, made) in story.calm(deliveries).await {
            assert!(made > 0, "{call:?}");
            let step = (made / most.min(made)).max(1);
            // the last ones are the checkpoint's
            for first in (step..=made).step_by(step) {
                for (errno, times) in how {
                    let fault = Fault { call, first, times: *times, errno: *errno };
                    story.lap(Some(fault), deliveries).await;
                    laps += 1;
                }
            }
        }
    }
    let Story { disk, acknowledged, refused, failed, .. } = story;
    disk.end();
    let path = folder.path().join("quantum.db");
    let store = Store::open(&path).await.unwrap();
    for id in &acknowledged {
        let kept = store.delivery(id).await.unwrap();
        let kept = kept.unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
        kept.body().await.unwrap();
    }
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let check: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(check, "ok");
    eprintln!(
        "{laps} laps, {failed} calls failed, {refused} refused, {} acknowledged and there",
        acknowledged.len()
    );
    assert!(refused >= laps / 4, "only {refused} of {laps}");
}
