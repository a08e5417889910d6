//! One HTTP/1.1 connection, with as little work of its own as can be: the driver shares the machine with what it measures, and a
//! client made for everything takes more of it than some of the servers do.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Emulators find service and region here; the signature they do not look at.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/states/aws4_request, \
    SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000";
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(20);

/// Why there was no good answer.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

pub(crate) struct Connection {
    /// Host and port.
    server: String,
    stream: Option<TcpStream>,
    read: Vec<u8>,
    written: Vec<u8>,
}

/// What an answer's head says.
struct Head {
    /// Its length, with the empty line behind it.
    length: usize,
    good: bool,
    body: Length,
    stays_open: bool,
}

enum Length {
    Bytes(usize),
    Chunked,
    UntilTheEnd,
}

impl Connection {
    /// To `http://host:port`; connects when it is first used.
    pub(crate) fn new(url: &str) -> Self {
        let server = url.trim_start_matches("http://").trim_end_matches('/');
        Self {
            server: server.to_owned(),
            stream: None,
            read: Vec::new(),
            written: Vec::new(),
        }
    }

    /// Performs an operation; its answer.
    pub(crate) async fn call(&mut self, operation: &str, request: &str) -> Result<Value, Failed> {
        let body = self.call_raw(operation, request).await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Performs an operation; the text of its answer.
    pub(crate) async fn call_raw(&mut self, operation: &str, request: &str) -> Result<Vec<u8>, Failed> {
        self.written.clear();
        self.written.extend_from_slice(
            format!(
                "POST / HTTP/1.1\r\nhost: {}\r\nx-amz-target: AWSStepFunctions.{operation}\r\n\
                 content-type: application/x-amz-json-1.0\r\nauthorization: {AUTHORIZATION}\r\n\
                 x-amz-date: 20260101T000000Z\r\ncontent-length: {}\r\n\r\n{request}",
                self.server,
                request.len()
            )
            .as_bytes(),
        );
        let exchanged = timeout(ANSWER, self.exchange()).await;
        if !matches!(exchanged, Ok(Ok(_))) {
            // What is still to come belongs to nobody.
            self.stream = None;
        }
        let (good, body) = exchanged??;
        if good {
            Ok(body)
        } else {
            Err(Failed(format!("{operation}: {}", String::from_utf8_lossy(&body))))
        }
    }

    async fn exchange(&mut self) -> Result<(bool, Vec<u8>), Failed> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(&self.server).await?;
            stream.set_nodelay(true)?;
            stream
        };
        stream.write_all(&self.written).await?;
        self.read.clear();
        let head = loop {
            if let Some(head) = read_head(&self.read)? {
                break head;
            }
            self.more(&mut stream).await?;
        };
        let body = match head.body {
            Length::Bytes(length) => {
                let end = head.length + length;
                while self.read.len() < end {
                    self.more(&mut stream).await?;
                }
                self.read[head.length..end].to_vec()
            }
            Length::Chunked => loop {
                if let Some(body) = chunks(&self.read[head.length..])? {
                    break body;
                }
                self.more(&mut stream).await?;
            },
            Length::UntilTheEnd => {
                stream.read_to_end(&mut self.read).await?;
                self.read[head.length..].to_vec()
            }
        };
        if head.stays_open {
            self.stream = Some(stream);
        }
        Ok((head.good, body))
    }

    async fn more(&mut self, stream: &mut TcpStream) -> Result<(), Failed> {
        if stream.read_buf(&mut self.read).await? == 0 {
            return Err(Failed("the server closed the connection".to_owned()));
        }
        Ok(())
    }
}

/// `None` while there is more to come.
fn read_head(read: &[u8]) -> Result<Option<Head>, Failed> {
    let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&read[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let mut head = Head {
        length: end + 4,
        good: status.split(' ').nth(1).is_some_and(|code| code.starts_with('2')),
        body: Length::UntilTheEnd,
        stays_open: status.starts_with("HTTP/1.1"),
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            head.body = Length::Bytes(value.parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.body = Length::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            head.stays_open = value.eq_ignore_ascii_case("keep-alive");
        }
    }
    if matches!(head.body, Length::UntilTheEnd) {
        head.stays_open = false;
    }
    Ok(Some(head))
}

/// The chunks put together; `None` while there is more to come.
fn chunks(mut read: &[u8]) -> Result<Option<Vec<u8>>, Failed> {
    let mut body = Vec::new();
    loop {
        let Some(line) = read.windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&read[..line])?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        let (from, to) = (line + 2, line + 2 + size);
        if read.len() < to + 2 {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(&read[from..to]);
        read = &read[to + 2..];
    }
}
