//! What the engine does in a second, over HTTP and durably, beside what Postgres does with the same rows on the same machine in
//! the same run, and beside anything else that speaks the API.
//!
//! ```text
//! cargo bench -p signalbox-engine --bench throughput                              # brings its own Postgres, fsync on
//! cargo bench -p signalbox-engine --bench throughput -- --database postgres://…   # an empty database of yours
//! cargo bench -p signalbox-engine --bench throughput -- --only w1,latency         # some of it
//! cargo bench -p signalbox-engine --bench throughput -- --peer http://127.0.0.1:5000 --only w1,w2,latency
//! ```
//!
//! The engine is a process of its own (this file, told to `serve`), so what it takes is its own; the driver, the Lambda endpoint
//! and Postgres share the machine with it. Everything that is counted by the second is run for the same time.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench that fails should panic, and prints; it has no lifecycle, and a clock of its own"
)]

mod ceiling;
mod client;
mod cpu;
mod engine;
mod workloads;

use serde_json::json;
use signalbox_postgres::{Reach, Search, Server, Settings};

use crate::client::{Batch, Client, Latency};
use crate::cpu::Watched;
use crate::engine::Process;

/// Clients at a time where the most is asked for.
const CONNECTIONS: usize = 64;
/// Executions that wait.
const WAITING: [usize; 2] = [10_000, 90_000];

#[derive(Default)]
struct Options {
    database: Option<String>,
    peers: Vec<String>,
    only: Option<Vec<String>>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("the option has a value");
            match argument.as_str() {
                "--database" => options.database = Some(value()),
                "--peer" => options.peers.push(value()),
                "--only" => options.only = Some(value().split(',').map(str::to_owned).collect()),
                // Cargo says so to every bench.
                "--bench" => {}
                other => panic!("{other}?"),
            }
        }
        options
    }

    fn wants(&self, name: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| only.iter().any(|wanted| wanted == name))
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == "serve").is_some() {
        let (database, functions) = (arguments.next().unwrap(), arguments.next().unwrap());
        return engine::serve(&database, functions).await;
    }
    let options = Options::read(arguments);
    let (database, own) = match &options.database {
        Some(url) => (url.clone(), None),
        None => own_postgres().await,
    };
    let functions = engine::serve_functions().await;
    println!("fsync {}; {CONNECTIONS} clients", ceiling::fsync(&database).await);
    for peer in &options.peers {
        println!("\n{peer}");
        measure(&options, &Client::new(peer, CONNECTIONS), None).await;
    }
    println!("\nthe engine");
    let (mut process, began) = Process::start(&database, &functions).await;
    let client = Client::new(&process.url, CONNECTIONS);
    if options.wants("start") {
        let idle = process.resident_mib();
        client.run(&client.passes("first", 1).await, &json!({})).await;
        println!("start: serves after {:.2} s, {idle} MiB", began.as_secs_f64());
    }
    let ours = Ours {
        database: &database,
        watched: Watched {
            engine: process.id(),
            postgres: own.as_ref().and_then(|(server, _)| server.pid()),
        },
    };
    measure(&options, &client, Some(&ours)).await;
    if options.wants("w6") {
        let machine = client.machine("w6", &workloads::functions(5), "STANDARD").await;
        client.batch(&machine).await;
        let taken = ours.watched.taken();
        let Batch { rate, count } = client.batch(&machine).await;
        let (engine, postgres) = ours.watched.taken().since(taken, count);
        println!(
            "w6 five Lambda functions: {rate:.0} executions/s. Processor time of each: engine {engine:.0} µs, Postgres {postgres:.0} µs"
        );
    }
    if options.wants("w7") {
        waiting(&client, &mut process).await;
    }
    process.stop().await;
}

/// The engine's database, and what is watched of its processes.
struct Ours<'a> {
    database: &'a str,
    watched: Watched,
}

/// What can be measured of anything that speaks the API; with the ceiling of our database.
async fn measure(options: &Options, client: &Client, ours: Option<&Ours<'_>>) {
    for (name, states, events) in [("w1", 1, 4), ("w2", 10, 22)] {
        if !options.wants(name) {
            continue;
        }
        let machine = client.passes(name, states).await;
        client.batch(&machine).await;
        // Before and after, since a shared machine is not the same from minute to minute.
        let Some(ours) = ours else {
            println!(
                "{name} {states} Pass: {:.0} executions/s",
                client.batch(&machine).await.rate
            );
            continue;
        };
        let before = ceiling::measure(ours, events).await;
        let taken = ours.watched.taken();
        let Batch { rate, count } = client.batch(&machine).await;
        let (engine, postgres) = ours.watched.taken().since(taken, count);
        let after = ceiling::measure(ours, events).await;
        let ceiling = f64::midpoint(before.rate, after.rate);
        println!(
            "{name} {states} Pass: {rate:.0} executions/s; grouped Postgres ceiling {ceiling:.0}; {:.0} %. Processor time of each: \
             engine {engine:.0} µs, Postgres {postgres:.0} µs; of the ceiling, Postgres {:.0} µs",
            100.0 * rate / ceiling,
            f64::midpoint(before.postgres_us, after.postgres_us)
        );
    }
    if options.wants("latency") {
        let machine = client.passes("latency", 1).await;
        let Latency { p50_ms, p99_ms } = client.latency(&machine).await;
        println!(
            "latency of w1 alone, started and seen to have ended: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms"
        );
        let Latency { p50_ms, p99_ms } = client.start_latency(&machine).await;
        println!("StartExecution alone, durable when answered: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms");
    }
    if options.wants("w3") {
        let machine = client
            .machine("w3", &workloads::counting_loop(), "STANDARD")
            .await;
        let took = client.single(&machine, &json!({})).await;
        println!(
            "w3 loop of 1,000: {:.1} ms, {:.0} transitions/s in one execution",
            took * 1e3,
            2_003.0 / took
        );
    }
    if options.wants("w4") {
        let machine = client.machine("w4", &workloads::map(), "STANDARD").await;
        let items: Vec<u32> = (0..1_000).collect();
        let took = client.single(&machine, &json!({"items": items})).await;
        println!("w4 Map of 1,000: {:.1} ms", took * 1e3);
    }
    if options.wants("w5") {
        let machine = client.machine("w5", &workloads::parallel(), "STANDARD").await;
        client.batch(&machine).await;
        println!(
            "w5 Parallel of 10: {:.0} executions/s",
            client.batch(&machine).await.rate
        );
    }
    if options.wants("payload") {
        let small = client.single(&client.passes("small", 10).await, &json!({})).await;
        let input = json!({"text": "x".repeat(100_000)});
        let large = client.single(&client.passes("large", 10).await, &input).await;
        println!(
            "ten Pass: {:.2} ms with {{}}, {:.2} ms with 100 KB",
            small * 1e3,
            large * 1e3
        );
    }
    if options.wants("sync") {
        let machine = client.machine("sync", &workloads::passes(10), "EXPRESS").await;
        client.batch_sync(&machine).await;
        println!(
            "StartSyncExecution of w2: {:.0} executions/s",
            client.batch_sync(&machine).await
        );
    }
}

/// Executions in a Wait: what they take, and how soon a process that was killed goes on with them.
async fn waiting(client: &Client, process: &mut Process) {
    let machine = client.machine("w7", &workloads::wait(), "STANDARD").await;
    let before = process.resident_mib();
    let mut all = 0;
    for count in WAITING {
        all += count;
        let rate = client.start_many(&machine, count).await;
        let more = process.resident_mib().saturating_sub(before);
        println!("w7 {all} waiting: {rate:.0} starts/s, {more} MiB more than the {before} MiB before");
    }
    let began = process.kill_and_restart().await;
    let client = Client::new(&process.url, 1);
    client.run(&client.passes("after", 1).await, &json!({})).await;
    println!(
        "recovery: kill -9 with {all} open executions; drives again {:.2} s after it is started, {} MiB",
        began.as_secs_f64(),
        process.resident_mib()
    );
}

async fn own_postgres() -> (String, Option<(Server, tempfile::TempDir)>) {
    let folder = tempfile::Builder::new()
        .prefix("engine-bench-")
        .tempdir()
        .unwrap();
    let settings = Settings {
        data_dir: folder.path().to_owned(),
        search: Search::default(),
        download: None,
        reach: Reach::default(),
        database: "bench".into(),
        connections_max: 64,
    };
    let server = Server::start(settings, |_| {}).await.unwrap();
    (server.url().to_owned(), Some((server, folder)))
}
