//! Death at every await point of a real process, without a line of the product knowing of it.
//!
//! A process that awaits the outside awaits an answer from its database or from Step Functions. Both reach it through the
//! [`Reaper`]'s proxies, which count the moments that matter (each call to Step Functions that concerns a deployment, each
//! transaction that writes one, each such write outside of a transaction) and kill the process with SIGKILL at the chosen one:
//! before the request goes out, or when its effect is there but the answer has not arrived.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Calls of a deployment's worker. Lists are the monitor's too, which never rests: counting them would make no two runs alike.
const CALLS: [&str; 11] = [
    "DescribeStateMachineAlias",
    "CreateStateMachineAlias",
    "UpdateStateMachineAlias",
    "DescribeStateMachine",
    "UpdateStateMachine",
    "PublishStateMachineVersion",
    "ListTagsForResource",
    "StartExecution",
    "DescribeExecution",
    "StopExecution",
    "DeleteStateMachineAlias",
];

/// Words of the tables that deployments and releases are kept in.
const TABLES: [&str; 4] = ["deployment", "release", "quarantined", "approvals"];

/// Which side of the await the process dies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The request never leaves.
    Before,
    /// It is done, and nobody hears of it.
    After,
}

/// The alias, and its lines: version and weight.
type Move = (String, Vec<(String, u64)>);

#[derive(Debug, Default)]
struct Inner {
    /// Whose life is at stake.
    pid: Mutex<Option<Pid>>,
    /// Moments left until death; none when nothing is armed.
    left: Mutex<Option<usize>>,
    fell: AtomicBool,
    /// What the process died at, for messages.
    at: Mutex<String>,
    /// Every routing an alias was given, in order: alias, lines.
    moves: Mutex<Vec<Move>>,
}

/// The proxies, and the count.
#[derive(Debug, Clone)]
pub struct Reaper {
    /// `http://127.0.0.1:PORT`: Step Functions.
    pub engine: String,
    /// `postgres://…@127.0.0.1:PORT/…`: the database.
    pub database_url: String,
    inner: Arc<Inner>,
}

impl Reaper {
    /// Stands between a process and `engine` (a base URL) and the database `database_url` (over a Unix socket).
    pub async fn between(engine: &str, database_url: &str) -> Self {
        let inner = Arc::new(Inner::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let proxy = Calls {
            inner: Arc::clone(&inner),
            upstream: engine.to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let router = Router::new().fallback(forward).with_state(proxy);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

        let url = url::Url::parse(database_url).unwrap();
        let directory = url
            .query_pairs()
            .find_map(|(name, value)| (name == "host").then(|| value.into_owned()))
            .unwrap();
        let socket = format!("{directory}/.s.PGSQL.{}", url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counting = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A message is small and waits for nothing: else each statement waits 40 ms for an acknowledgement.
                client.set_nodelay(true).unwrap();
                let (socket, inner) = (socket.clone(), Arc::clone(&counting));
                tokio::spawn(async move { converse(client, &socket, inner).await });
            }
        });
        Self {
            engine: format!("http://{here}"),
            database_url: format!("postgres://{}@127.0.0.1:{port}{}", url.username(), url.path()),
            inner,
        }
    }

    /// The process `pid` dies at the `number`th moment from now on (from 1): odd numbers before it, even ones after it. So
    /// counting `number` up visits both sides of every await.
    pub fn arm(&self, pid: Pid, number: usize) {
        self.inner.fell.store(false, Ordering::SeqCst);
        self.inner.at.lock().unwrap().clear();
        *self.inner.pid.lock().unwrap() = Some(pid);
        *self.inner.left.lock().unwrap() = Some(number);
    }

    /// Lets the process live.
    pub fn disarm(&self) {
        *self.inner.left.lock().unwrap() = None;
    }

    /// Whether it has died and was not brought back: true once.
    pub fn bury(&self) -> bool {
        self.inner.fell.swap(false, Ordering::SeqCst)
    }

    /// Whether it is dead.
    pub fn is_dead(&self) -> bool {
        self.inner.fell.load(Ordering::SeqCst)
    }

    /// What it died at since it was armed.
    pub fn died_at(&self) -> Option<String> {
        let at = self.inner.at.lock().unwrap();
        (!at.is_empty()).then(|| at.clone())
    }

    /// The routings the aliases were given whose ARN contains `part`, in order, repetitions of the same left out.
    pub fn moves(&self, part: &str) -> Vec<Move> {
        let mut moves: Vec<Move> = Vec::new();
        for (alias, lines) in self.inner.moves.lock().unwrap().iter() {
            let last = moves.iter().rev().find(|(other, _)| other == alias);
            if alias.contains(part) && last.is_none_or(|(_, before)| before != lines) {
                moves.push((alias.clone(), lines.clone()));
            }
        }
        moves
    }
}

impl Inner {
    /// A moment: whether the process dies here, and on which side.
    fn moment(&self, what: &str) -> Option<Side> {
        let mut left = self.left.lock().unwrap();
        let count = left.as_mut()?;
        // Each moment has two sides; both are counted at once.
        if *count > 2 {
            *count -= 2;
            return None;
        }
        let side = if *count == 1 { Side::Before } else { Side::After };
        *left = None;
        *self.at.lock().unwrap() = format!("{side:?} {what}");
        Some(side)
    }

    fn kill(&self) {
        if let Some(pid) = self.pid.lock().unwrap().take() {
            // It may have been ended by the test already.
            let _ = kill_process(pid, Signal::KILL);
        }
        self.fell.store(true, Ordering::SeqCst);
    }
}

// ── Step Functions ──

#[derive(Clone)]
struct Calls {
    inner: Arc<Inner>,
    upstream: String,
    client: reqwest::Client,
}

async fn forward(State(proxy): State<Calls>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let side = CALLS
        .contains(&operation.as_str())
        .then(|| proxy.inner.moment(&operation))
        .flatten();
    if side == Some(Side::Before) {
        proxy.inner.kill();
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let sent = proxy
        .client
        .request(parts.method, format!("{}{}", proxy.upstream, parts.uri))
        .headers(headers)
        .body(body.clone())
        .send()
        .await;
    let Ok(answer) = sent else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let text = answer.bytes().await.unwrap_or_default();
    if status.is_success() {
        note_move(&proxy.inner, &operation, &body, &text);
    }
    if side == Some(Side::After) {
        proxy.inner.kill();
        return StatusCode::BAD_GATEWAY.into_response();
    }
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    (status, headers, text).into_response()
}

fn note_move(inner: &Inner, operation: &str, asked: &Bytes, answered: &Bytes) {
    let read = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let (asked, answered) = (read(asked), read(answered));
    let alias = match operation {
        "UpdateStateMachineAlias" => &asked["stateMachineAliasArn"],
        "CreateStateMachineAlias" => &answered["stateMachineAliasArn"],
        _ => return,
    };
    let line = |line: &Value| {
        let version = line["stateMachineVersionArn"].as_str().unwrap_or_default();
        (
            version.rsplit(':').next().unwrap_or_default().to_owned(),
            line["weight"].as_u64().unwrap_or_default(),
        )
    };
    let mut lines: Vec<_> = asked["routingConfiguration"]
        .as_array()
        .into_iter()
        .flatten()
        .map(line)
        .collect();
    lines.sort();
    let alias = alias.as_str().unwrap_or_default().to_owned();
    inner.moves.lock().unwrap().push((alias, lines));
}

// ── Postgres ──

/// One connection: the messages of both sides, framed (PostgreSQL documentation, "Message Formats").
async fn converse(client: TcpStream, socket: &str, inner: Arc<Inner>) {
    let Ok(server) = UnixStream::connect(socket).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let Some(startup) = startup(&mut from_client, &mut to_client).await else {
        return;
    };
    if to_server.write_all(&startup).await.is_err() {
        return;
    }
    // Answers that are still to come, and whether the last of them is the one to die at.
    let (awaited, doomed) = (AtomicUsize::new(1), AtomicBool::new(false));
    let asks = async {
        let mut reading = Reading::default();
        while let Some((kind, message)) = message(&mut from_client).await {
            if matches!(kind, b'S' | b'Q') {
                awaited.fetch_add(1, Ordering::SeqCst);
            }
            let side = reading
                .moment(kind, &message)
                .and_then(|what| inner.moment(&what));
            match side {
                Some(Side::Before) => {
                    inner.kill();
                    return;
                }
                Some(Side::After) => doomed.store(true, Ordering::SeqCst),
                None => {}
            }
            if to_server.write_all(&message).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        while let Some((kind, message)) = message(&mut from_server).await {
            if kind == b'Z' && awaited.fetch_sub(1, Ordering::SeqCst) == 1 && doomed.load(Ordering::SeqCst) {
                inner.kill();
                return;
            }
            if to_client.write_all(&message).await.is_err() {
                return;
            }
        }
    };
    // Whoever ends first ends the connection: a transaction that was open is rolled back by the server.
    tokio::select! { () = asks => {}, () = answers => {} }
}

/// The first message, which has no kind. TLS is refused: this is one machine.
async fn startup(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> Option<Vec<u8>> {
    const TLS_REQUEST: u32 = 80_877_103;
    loop {
        let length = from.read_u32().await.ok()?;
        let mut message = length.to_be_bytes().to_vec();
        message.resize(usize::try_from(length).ok()?, 0);
        from.read_exact(message.get_mut(4..)?).await.ok()?;
        if message.get(4..8) != Some(&TLS_REQUEST.to_be_bytes()) {
            return Some(message);
        }
        to.write_all(b"N").await.ok()?;
    }
}

/// The next message, whole, and its kind.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let kind = from.read_u8().await.ok()?;
    let length = from.read_u32().await.ok()?;
    let mut message = vec![kind];
    message.extend_from_slice(&length.to_be_bytes());
    message.resize(usize::try_from(length).ok()? + 1, 0);
    from.read_exact(message.get_mut(5..)?).await.ok()?;
    Some((kind, message))
}

/// What a connection is doing.
#[derive(Default)]
struct Reading {
    statements: HashMap<String, String>,
    in_transaction: bool,
    writes: String,
}

impl Reading {
    /// The moment this message makes, in words: the end of a transaction that wrote a deployment, or such a write of its own.
    fn moment(&mut self, kind: u8, message: &[u8]) -> Option<String> {
        let mut texts = message
            .get(5..)?
            .split(|byte| *byte == 0)
            .map(|text| String::from_utf8_lossy(text).into_owned());
        match kind {
            b'P' => {
                let (name, sql) = (texts.next()?, texts.next()?);
                self.statements.insert(name, sql);
                None
            }
            b'B' => {
                let statement = texts.nth(1)?;
                let sql = self.statements.get(&statement)?;
                let writes = ["insert into ", "update ", "delete from "]
                    .iter()
                    .any(|verb| TABLES.iter().any(|table| sql.contains(&format!("{verb}{table}"))));
                if !writes {
                    return None;
                }
                let summary: String = sql.chars().take(60).collect();
                if self.in_transaction {
                    self.writes.push_str(&summary);
                    return None;
                }
                Some(summary)
            }
            b'Q' => {
                let sql = texts.next()?.to_ascii_lowercase();
                let (begins, commits) = (sql.starts_with("begin"), sql.starts_with("commit"));
                if !(begins || commits || sql.starts_with("rollback")) {
                    return None;
                }
                let writes = std::mem::take(&mut self.writes);
                self.in_transaction = begins;
                (commits && !writes.is_empty()).then(|| format!("commit of {writes}"))
            }
            _ => None,
        }
    }
}
