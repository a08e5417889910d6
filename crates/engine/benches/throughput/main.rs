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
mod connection;
mod cpu;
mod engine;
mod table;
mod workloads;

use std::time::Duration;

use serde_json::json;
use signalbox_postgres::{Reach, Search, Server, Settings};
use tokio::time::timeout;

use crate::client::{Batch, Client, Latency};
use crate::connection::Failed;
use crate::cpu::Watched;
use crate::engine::Process;
use crate::table::Table;

/// As the `signalbox` binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Clients at a time where the most is asked for, unless told otherwise.
const CONNECTIONS: usize = 64;
/// Executions that wait.
const WAITING: [usize; 2] = [10_000, 90_000];
/// Items of a Map Run.
const ITEMS: usize = 10_000;
/// How long any piece of work may take, whatever comes of it.
const WORK: Duration = Duration::from_secs(150);

#[derive(Default)]
struct Options {
    database: Option<String>,
    peers: Vec<String>,
    only: Option<Vec<String>>,
    clients: Option<usize>,
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
                "--clients" => options.clients = Some(value().parse().expect("a number")),
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
    let clients = options.clients.unwrap_or(CONNECTIONS);
    println!("fsync {}; {clients} clients", ceiling::fsync(&database).await);
    let mut table = Table::default();
    for peer in &options.peers {
        table.begin(peer);
        measure(&options, &Client::new(peer, clients), None, &mut table).await;
    }
    table.begin("the engine");
    let (mut process, began) = Process::start(&database, &functions).await;
    let client = Client::new(&process.url, clients);
    if options.wants("start") {
        let idle = process.resident_mib();
        let first = client.passes("first", 1).await.unwrap();
        client.run(&first, &json!({})).await.unwrap();
        println!("start: serves after {:.2} s, {idle} MiB", began.as_secs_f64());
    }
    let ours = Ours {
        database: &database,
        watched: Watched {
            engine: process.id(),
            postgres: own.as_ref().and_then(|(server, _)| server.pid()),
        },
    };
    measure(&options, &client, Some(&ours), &mut table).await;
    println!("after these: {} MiB", process.resident_mib());
    if options.wants("w7") {
        waiting(&client, &mut process).await;
    }
    process.stop().await;
    println!("\n{table}");
}

/// The engine's database, and what is watched of its processes.
struct Ours<'a> {
    database: &'a str,
    watched: Watched,
}

/// What can be measured of anything that speaks the API; with the ceiling and the processor time of ours.
async fn measure(options: &Options, client: &Client, ours: Option<&Ours<'_>>, table: &mut Table) {
    // Last what some never come back from.
    for name in [
        "w1", "w2", "latency", "w4", "w5", "w6", "sync", "payload", "maps", "w3",
    ] {
        if !options.wants(name) {
            continue;
        }
        let work = async {
            match name {
                "w1" => chain(client, ours, name, 1, 4, table).await,
                "w2" => chain(client, ours, name, 10, 22, table).await,
                "latency" => latency(client, table).await,
                "w3" => counting_loop(client, table).await,
                "w4" => map(client, table).await,
                "w5" => many(client, ours, "w5 Parallel of 10", &workloads::parallel(), table).await,
                "w6" => {
                    many(
                        client,
                        ours,
                        "w6 five Lambda functions",
                        &workloads::functions(5),
                        table,
                    )
                    .await
                }
                "sync" => sync(client, ours, table).await,
                "payload" => payload(client, table).await,
                _ => map_runs(client, ours, table).await,
            }
        };
        let done = timeout(WORK, work).await;
        let why = match done {
            Ok(Ok(())) => continue,
            Ok(Err(Failed(why))) => why,
            Err(_) => format!("not within {WORK:?}"),
        };
        table.cannot(row_of(name), &why);
    }
}

/// Where in the table it is said that a server can't do the work.
fn row_of(work: &str) -> &str {
    match work {
        "w1" => "w1, 1 Pass, executions/s",
        "w2" => "w2, 10 Pass, executions/s",
        "latency" => "w1 alone, seen to have ended, p50 / p99",
        "w3" => W3,
        "w4" => W4,
        "w5" => "w5 Parallel of 10, executions/s",
        "w6" => "w6 five Lambda functions, executions/s",
        "sync" => SYNC,
        other => other,
    }
}

const W3: &str = "w3 loop of 1,000, transitions/s in one execution";
const W4: &str = "w4 Map of 1,000, one execution";
const SYNC: &str = "StartSyncExecution of w2, executions/s";

/// What each execution took of the processors, where that is known.
fn taken_each(ours: Option<&Ours<'_>>, before: Option<cpu::Taken>, count: f64) -> String {
    let (Some(ours), Some(before)) = (ours, before) else {
        return String::new();
    };
    let (engine, postgres) = ours.watched.taken().since(before, count);
    format!("; processor time of each: engine {engine:.0} µs, Postgres {postgres:.0} µs")
}

fn failures(failed: usize) -> String {
    if failed == 0 {
        String::new()
    } else {
        format!(", {failed} calls failed")
    }
}

async fn chain(
    client: &Client,
    ours: Option<&Ours<'_>>,
    name: &str,
    states: usize,
    events: usize,
    table: &mut Table,
) -> Result<(), Failed> {
    let machine = client.passes(name, states).await?;
    client.batch(&machine).await?;
    // Before and after, since a shared machine is not the same from minute to minute.
    let before = match ours {
        Some(ours) => Some(ceiling::measure(ours, events).await),
        None => None,
    };
    let taken = ours.map(|ours| ours.watched.taken());
    let Batch { rate, count, failed } = client.batch(&machine).await?;
    let each = taken_each(ours, taken, count);
    let mut more = String::new();
    if let (Some(ours), Some(before)) = (ours, before) {
        let after = ceiling::measure(ours, events).await;
        let ceiling = f64::midpoint(before.rate, after.rate);
        more = format!(
            "; {:.0} % of the grouped Postgres ceiling {ceiling:.0}, whose Postgres takes {:.0} µs",
            100.0 * rate / ceiling,
            f64::midpoint(before.postgres_us, after.postgres_us)
        );
    }
    table.add(
        &format!("{name}, {states} Pass, executions/s"),
        &format!("{rate:.0}{}", failures(failed)),
        &format!("{each}{more}"),
    );
    Ok(())
}

async fn many(
    client: &Client,
    ours: Option<&Ours<'_>>,
    name: &str,
    definition: &serde_json::Value,
    table: &mut Table,
) -> Result<(), Failed> {
    let machine = client.machine(&name[..2], definition, "STANDARD").await?;
    client.batch(&machine).await?;
    let taken = ours.map(|ours| ours.watched.taken());
    let Batch { rate, count, failed } = client.batch(&machine).await?;
    table.add(
        &format!("{name}, executions/s"),
        &format!("{rate:.0}{}", failures(failed)),
        &taken_each(ours, taken, count),
    );
    Ok(())
}

async fn sync(client: &Client, ours: Option<&Ours<'_>>, table: &mut Table) -> Result<(), Failed> {
    let machine = client.machine("sync", &workloads::passes(10), "EXPRESS").await?;
    client.batch_sync(&machine).await?;
    let taken = ours.map(|ours| ours.watched.taken());
    let Batch { rate, count, failed } = client.batch_sync(&machine).await?;
    table.add(
        SYNC,
        &format!("{rate:.0}{}", failures(failed)),
        &taken_each(ours, taken, count),
    );
    Ok(())
}

async fn latency(client: &Client, table: &mut Table) -> Result<(), Failed> {
    let machine = client.passes("latency", 1).await?;
    let show = |Latency { p50_ms, p99_ms }| format!("{p50_ms:.2} / {p99_ms:.2} ms");
    let whole = client.latency(&machine).await?;
    table.add("w1 alone, seen to have ended, p50 / p99", &show(whole), "");
    let start = client.start_latency(&machine).await?;
    table.add("StartExecution alone, p50 / p99", &show(start), "");
    Ok(())
}

async fn counting_loop(client: &Client, table: &mut Table) -> Result<(), Failed> {
    let machine = client
        .machine("w3", &workloads::counting_loop(), "STANDARD")
        .await?;
    let took = client.single(&machine, &json!({})).await?;
    table.add(W3, &format!("{:.0}", 2_003.0 / took), "");
    Ok(())
}

async fn map(client: &Client, table: &mut Table) -> Result<(), Failed> {
    let machine = client.machine("w4", &workloads::map(), "STANDARD").await?;
    let items: Vec<usize> = (0..1_000).collect();
    let took = client.single(&machine, &json!({"items": items})).await?;
    table.add(
        "w4 Map of 1,000, one execution",
        &format!("{:.0} ms", took * 1e3),
        "",
    );
    Ok(())
}

async fn payload(client: &Client, table: &mut Table) -> Result<(), Failed> {
    let small = client
        .single(&client.passes("small", 10).await?, &json!({}))
        .await?;
    let input = json!({"text": "x".repeat(100_000)});
    let large = client.single(&client.passes("large", 10).await?, &input).await?;
    table.add(
        "ten Pass with {} / with 100 KB",
        &format!("{:.2} / {:.2} ms", small * 1e3, large * 1e3),
        "",
    );
    Ok(())
}

/// Distributed Maps, one after another: children by the second.
async fn map_runs(client: &Client, ours: Option<&Ours<'_>>, table: &mut Table) -> Result<(), Failed> {
    for (children, concurrency) in [("STANDARD", 0), ("STANDARD", 40), ("EXPRESS", 0), ("EXPRESS", 40)] {
        let name = format!("maps-{children}-{concurrency}");
        let definition = workloads::map_run(children, concurrency);
        let machine = client.machine(&name, &definition, "STANDARD").await?;
        let items: Vec<usize> = (0..ITEMS).collect();
        let taken = ours.map(|ours| ours.watched.taken());
        let began = tokio::time::Instant::now();
        client.run(&machine, &json!({"items": items})).await?;
        let took = began.elapsed().as_secs_f64();
        let at_once = if concurrency == 0 {
            "all".to_owned()
        } else {
            concurrency.to_string()
        };
        table.add(
            &format!("Map Run of 10,000, {children} children, {at_once} at once"),
            &format!("{took:.1} s"),
            &format!(
                "; {:.0} children/s{}",
                ITEMS as f64 / took,
                taken_each(ours, taken, ITEMS as f64)
            ),
        );
    }
    Ok(())
}

/// Executions in a Wait: what they take, and how soon a process that was killed goes on with them.
async fn waiting(client: &Client, process: &mut Process) {
    let machine = client
        .machine("w7", &workloads::wait(), "STANDARD")
        .await
        .unwrap();
    let before = process.resident_mib();
    let mut all = 0;
    for count in WAITING {
        all += count;
        let rate = client.start_many(&machine, count).await.unwrap();
        let more = process.resident_mib().saturating_sub(before);
        println!("w7 {all} waiting: {rate:.0} starts/s, {more} MiB more than the {before} MiB before");
    }
    let began = process.kill_and_restart().await;
    let client = Client::new(&process.url, 1);
    let after = client.passes("after", 1).await.unwrap();
    client.run(&after, &json!({})).await.unwrap();
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
