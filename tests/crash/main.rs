//! The engine's process is killed at random moments under mixed load, its Postgres is killed, its disk is full. Whatever
//! happens: no acknowledged execution is lost, none finishes twice, no recorded result is worked for again, and every
//! history is without a gap.
//!
//! ```text
//! cargo test --test crash                                      # a few rounds
//! SIGNALBOX_CRASH_ROUNDS=200 cargo test --test crash -- --nocapture the_process
//! ```
//!
//! The engine is the real one: `signalbox engine`, a process of its own, on a Postgres with `fsync` on that outlives it. What it
//! calls (Lambda functions over HTTP, S3, workers of activities, those who bring task tokens back) lives in the test, counts, and
//! goes on whatever happens to the engine. After each kill, while nothing writes, the tables are read and judged.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a failed test should panic; what was seen is printed; a test has no lifecycle and no configuration"
)]

mod client;
mod engine;
mod judge;
mod load;
mod maps;
mod objects;
mod outside;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use signalbox_postgres::testing::{TestServer, server, server_in};
use tokio::time::sleep;

use crate::client::Client;
use crate::engine::Engine;
use crate::judge::Judge;
use crate::load::Load;
use crate::outside::Outside;

/// Kills in an ordinary test run.
const ROUNDS: usize = 4;

/// Executions driven at a time.
const STARTERS: usize = 100;

fn rounds() -> usize {
    std::env::var("SIGNALBOX_CRASH_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(ROUNDS)
}

/// A pause of some milliseconds, by chance: this is when things break, not what is waited for.
async fn pause(ms_max: u64) {
    let ms = rand::rng().random_range(0..ms_max);
    sleep(Duration::from_millis(ms)).await;
}

/// Everything of one test.
struct Stage {
    postgres: TestServer,
    client: Client,
    outside: Arc<Outside>,
    engine: Engine,
    load: Load,
    judge: Judge,
    /// A state machine besides the load's, to see whether the engine takes work.
    probe: String,
}

impl Stage {
    async fn set(postgres: TestServer) -> Self {
        let client = Client::new();
        let outside = Outside::open(client.clone()).await;
        let engine = Engine::start(postgres.url(), outside.url(), &client).await;
        let probe = client.machine("probe", &load::passes(1)).await;
        let load = Load::begin(&client, &outside, STARTERS).await;
        let judge = Judge::new(postgres.url(), Arc::clone(&outside), load.promises());
        Self {
            postgres,
            client,
            outside,
            engine,
            load,
            judge,
            probe,
        }
    }

    /// Kills the engine, judges what it left, and starts it again; now and then it is killed while it starts, too.
    async fn kill_and_restart(&mut self) {
        self.engine.kill(&self.client).await;
        self.judge.judge_the_dead().await;
        while rand::rng().random_range(0..5) == 0 {
            self.engine.spawn_and_kill_within(400).await;
            self.judge.judge_the_dead().await;
        }
        self.engine.restart(&self.client).await;
    }

    /// Lets everything come to its end, and looks at all of it from outside.
    async fn finish(mut self) {
        self.load.finish().await;
        let judged = self.judge.judge_the_end(&self.client).await;
        let engine = &self.engine;
        println!(
            "{judged}; {} function calls, {} kills ({} while starting)",
            self.outside.calls(),
            engine.kills,
            engine.kills_at_start
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_is_killed_at_random_moments_and_nothing_is_lost_or_done_twice() {
    let mut stage = Stage::set(server().await).await;
    let rounds = rounds();
    for round in 1..=rounds {
        // Mostly while it works, and now and then while it takes up what the one before left.
        if rand::rng().random_range(0..5) > 0 {
            stage.client.until_one_ends(&stage.probe).await;
        }
        pause(900).await;
        stage.kill_and_restart().await;
        if round % 20 == 0 {
            println!("round {round} of {rounds}: {}", stage.judge.seen());
        }
    }
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_killed_under_load_and_the_engine_goes_on_by_itself() {
    let stage = Stage::set(server().await).await;
    for _ in 0..rounds().div_ceil(2) {
        pause(900).await;
        stage.judge.note_what_is_recorded().await;
        stage.postgres.kill();
        stage.client.until_one_ends(&stage.probe).await;
    }
    stage.finish().await;
}

/// A small file system of the test's own, for Postgres; gone when dropped. `None` where mounting is not allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let at = std::env::temp_dir().join(format!("sb-small-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256m,mode=0755", "tmpfs"])
            .arg(&at)
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(at));
        }
        std::fs::remove_dir(&at).unwrap();
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves nothing.
    fn fill(&self) {
        use std::io::Write as _;
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        let block = vec![0; 64 * 1024];
        while filler.write_all(&block).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_new_work_and_what_was_acknowledged_goes_on_when_there_is_space() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: a small file system can be mounted by root only");
        return;
    };
    {
        let stage = Stage::set(server_in(disk.path().join("postgres")).await).await;
        for _ in 0..rounds().div_ceil(4) {
            pause(900).await;
            stage.judge.note_what_is_recorded().await;
            disk.fill();
            let refusal = stage.client.until_refused(&stage.probe).await;
            println!("refused: {refusal}");
            pause(900).await;
            disk.free();
            stage.client.until_one_ends(&stage.probe).await;
        }
        stage.finish().await;
    }
}
