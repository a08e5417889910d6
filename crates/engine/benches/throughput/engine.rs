//! The engine as a process of its own, and the functions it calls.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use signalbox_engine::clock::SystemClock;
use signalbox_engine::integrations::config::Endpoints;
use signalbox_engine::integrations::{IntegrationsConfig, Services};
use signalbox_engine::wire::Trust;
use signalbox_engine::{Engine, EngineConfig, pool};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// Connections of the engine's pool, as `signalbox engine` has by default.
const POOL_CONNECTIONS: u32 = 16;

/// The child's side: serves until it is killed. Says where once it drives executions.
pub(crate) async fn serve(database: &str, functions: String) {
    let endpoints = Endpoints {
        general: None,
        by_service: std::iter::once(("LAMBDA".to_owned(), functions)).collect(),
    };
    let integrations = IntegrationsConfig {
        endpoints,
        ..IntegrationsConfig::default()
    };
    let config = EngineConfig {
        dispatch: Arc::new(Services::new(integrations, Arc::new(SystemClock)).unwrap()),
        ..EngineConfig::default()
    };
    let pool = pool::options(POOL_CONNECTIONS).connect(database).await.unwrap();
    let engine = Engine::open(pool, config).await.unwrap();
    engine.driving().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("serves http://{}", listener.local_addr().unwrap());
    let router = signalbox_engine::wire::router(engine, Trust::Nobody);
    axum::serve(listener, router).await.unwrap();
}

/// Lambda's Invoke API; every function answers its event. Gives the URL.
pub(crate) async fn serve_functions() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let echo = post(async |event: String| event);
    let router = Router::new().route("/2015-03-31/functions/{name}/invocations", echo);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The parent's side.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    database: String,
    functions: String,
}

impl Process {
    /// Starts it; how long it took until it drove executions.
    pub(crate) async fn start(database: &str, functions: &str) -> (Self, Duration) {
        let began = Instant::now();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", database, functions])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("it serves");
        let url = line.strip_prefix("serves ").unwrap().to_owned();
        let process = Self {
            child,
            url,
            database: database.to_owned(),
            functions: functions.to_owned(),
        };
        (process, began.elapsed())
    }

    /// `kill -9`, and again; how long it took until it drove executions.
    pub(crate) async fn kill_and_restart(&mut self) -> Duration {
        self.stop().await;
        let (process, began) = Self::start(&self.database, &self.functions).await;
        *self = process;
        began
    }

    pub(crate) async fn stop(&mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it holds in memory, on Linux; 0 elsewhere.
    pub(crate) fn resident_mib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap_or("0 kB");
        let kib = line
            .split_whitespace()
            .next()
            .and_then(|kib| kib.parse::<u64>().ok());
        kib.unwrap_or(0) / 1024
    }
}
