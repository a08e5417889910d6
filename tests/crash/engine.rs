//! The engine's process: started, killed, started again.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::client::Client;
use crate::pause;

/// A running `signalbox engine`, killed when dropped.
pub(crate) struct Engine {
    database: String,
    functions: String,
    child: Child,
    pub(crate) kills: usize,
    pub(crate) kills_at_start: usize,
}

impl Engine {
    /// Starts it on this database, with Lambda and S3 at the URL `functions`.
    pub(crate) async fn start(database: &str, functions: &str, client: &Client) -> Self {
        let (child, lines) = spawn(database, functions);
        serve(lines, client).await;
        Self {
            database: database.to_owned(),
            functions: functions.to_owned(),
            child,
            kills: 0,
            kills_at_start: 0,
        }
    }

    /// `kill -9`
    pub(crate) async fn kill(&mut self, client: &Client) {
        client.engine_is_at(None);
        self.child.kill().await.unwrap();
        self.kills += 1;
    }

    /// Starts it and kills it before anybody was told where it is.
    pub(crate) async fn spawn_and_kill_within(&mut self, ms_max: u64) {
        let (mut child, _lines) = spawn(&self.database, &self.functions);
        pause(ms_max).await;
        child.kill().await.unwrap();
        self.kills += 1;
        self.kills_at_start += 1;
    }

    pub(crate) async fn restart(&mut self, client: &Client) {
        let (child, lines) = spawn(&self.database, &self.functions);
        self.child = child;
        serve(lines, client).await;
    }
}

fn spawn(database: &str, functions: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(["engine", "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("DATABASE_URL", database)
        .env("AWS_ENDPOINT_URL_LAMBDA", functions)
        .env("AWS_ENDPOINT_URL_S3", functions)
        .env("AWS_ACCESS_KEY_ID", "nobody")
        .env("AWS_SECRET_ACCESS_KEY", "nothing")
        // That its database went away is what the tests are about.
        .env("SIGNALBOX_LOG", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// Reads where it serves, and tells the client.
async fn serve(mut lines: Lines<BufReader<ChildStdout>>, client: &Client) {
    let url = loop {
        let line = lines.next_line().await.unwrap();
        let line = line.expect("the engine tells its address before it ends");
        if let Some((_, url)) = line.split_once("Step Functions") {
            break url.trim().to_owned();
        }
    };
    client.engine_is_at(Some(url));
    // What else it prints must go somewhere.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
}
