//! `signalbox engine` in a process of its own: the target that AWS is elsewhere, reached by signed requests over TCP.

use std::process::Stdio;

use tokio::process::{Child, Command};

use super::eventually;

/// A running engine. Killed when dropped.
pub struct Engine {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Engine {
    /// Starts one on a database of its own.
    pub async fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let database = signalbox_postgres::testing::database().await;
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
        command
            .args(["engine", "--listen", &address.to_string(), "--data-dir"])
            .arg(folder.path())
            .env("DATABASE_URL", &database.url)
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let child = command.spawn().unwrap();
        eventually("the engine listens", async || {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Self {
            url: format!("http://{address}"),
            _child: child,
            _folder: folder,
        }
    }

    /// The configuration of an environment `name` that is the engine at `url`, without AWS's quotas.
    pub fn environment(name: &str, account: &str, url: &str) -> String {
        let plenty = "{ bucket = 10000, refill_per_second = 10000.0 }";
        let quotas = [
            "DescribeStateMachineAlias",
            "UpdateStateMachineAlias",
            "CreateStateMachineAlias",
            "DescribeStateMachine",
            "UpdateStateMachine",
            "CreateStateMachine",
            "ListTagsForResource",
            "ListExecutions",
            "DescribeExecution",
        ]
        .map(|operation| format!("{operation} = {plenty}\n"))
        .concat();
        format!(
            "[environments.{name}]\nregion = \"us-east-1\"\naccount = \"{account}\"\nendpoint_url = \"{url}\"\n\
             access_key_id = \"{account}\"\nsecret_access_key = \"x\"\n[environments.{name}.quotas]\n{quotas}"
        )
    }
}
