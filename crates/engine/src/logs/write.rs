//! The one task that writes: it gathers what is in the queue, one request for each machine's stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Batch, Counted, LogGroup, LogRecord};
use crate::arn::Place;
use crate::clock::Clock;
use crate::integrations::Dispatch;
use crate::limits::{
    LOG_GATHER_MS, LOG_RECORD_OVERHEAD_BYTES, LOG_REQUEST_BYTES_MAX, LOG_REQUEST_RECORDS_MAX, LOG_STREAM_MS,
    LOG_STREAMS_MAX,
};

/// A stream of a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// The group's name.
    pub group: Arc<str>,
    /// The stream's name.
    pub name: Arc<str>,
    /// Account and region of the group.
    pub place: Place,
}

pub(super) struct Writer {
    dispatch: Arc<dyn Dispatch>,
    clock: Arc<dyn Clock>,
    counted: Arc<Counted>,
    /// The streams that were begun, and when, in ms since 1970.
    streams: HashMap<LogGroup, (LogStream, i64)>,
}

impl Writer {
    pub(super) fn new(dispatch: Arc<dyn Dispatch>, clock: Arc<dyn Clock>, counted: Arc<Counted>) -> Self {
        Self {
            dispatch,
            clock,
            counted,
            streams: HashMap::new(),
        }
    }

    /// Until the queue is empty after the shutdown began.
    pub(super) async fn run(mut self, mut batches: mpsc::Receiver<Batch>, shutdown: CancellationToken) {
        loop {
            let first = tokio::select! {
                first = batches.recv() => first,
                () = shutdown.cancelled() => batches.try_recv().ok(),
            };
            let Some(first) = first else {
                return;
            };
            // A moment for what comes along with it.
            if !shutdown.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(LOG_GATHER_MS)).await;
            }
            let mut gathered: HashMap<LogGroup, Vec<LogRecord>> = HashMap::new();
            let mut next = Some(first);
            let mut records = 0;
            while let Some(Batch { group, records: more }) = next {
                records += more.len();
                gathered.entry(group).or_default().extend(more);
                next = (records < LOG_REQUEST_RECORDS_MAX)
                    .then(|| batches.try_recv().ok())
                    .flatten();
            }
            for (group, records) in gathered {
                self.write(group, records).await;
            }
        }
    }

    async fn write(&mut self, group: LogGroup, mut records: Vec<LogRecord>) {
        // CloudWatch Logs takes them in order of time only.
        records.sort_by_key(|record| record.timestamp_ms);
        let mut rest = records.into_iter().peekable();
        while rest.peek().is_some() {
            let mut bytes = 0;
            let mut request = Vec::new();
            while let Some(record) = rest.next_if(|record| {
                bytes += record.text.len() + LOG_RECORD_OVERHEAD_BYTES;
                request.is_empty() || bytes <= LOG_REQUEST_BYTES_MAX
            }) {
                request.push(record);
            }
            let count = request.len();
            let (stream, is_new) = self.stream(&group);
            match self.dispatch.write_log(stream, is_new, request).await {
                Ok(()) => self.counted.written(count),
                Err(error) => {
                    self.counted.dropped(count);
                    self.streams.remove(&group);
                    tracing::warn!(
                        group = &*group.name,
                        records = count,
                        cause = error.cause.as_deref().unwrap_or_default(),
                        "records were not logged"
                    );
                }
            }
        }
    }

    /// The stream of a machine, as AWS names it: `states/MACHINE/2026-01-15-10-00/0a1b2c3d`. A new one now and then.
    fn stream(&mut self, group: &LogGroup) -> (LogStream, bool) {
        let now_ms = self.clock.now_ms();
        if let Some((stream, begun_at)) = self.streams.get(group)
            && now_ms - begun_at < LOG_STREAM_MS
        {
            return (stream.clone(), false);
        }
        if self.streams.len() >= LOG_STREAMS_MAX {
            self.streams.clear();
        }
        let minute = DateTime::from_timestamp_millis(now_ms)
            .unwrap_or_default()
            .format("%Y-%m-%d-%H-%M");
        let stream = LogStream {
            group: Arc::clone(&group.name),
            name: format!("states/{}/{minute}/{:08x}", group.machine, rand::random::<u32>()).into(),
            place: group.place.clone(),
        };
        self.streams.insert(group.clone(), (stream.clone(), now_ms));
        (stream, true)
    }
}
