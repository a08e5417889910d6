//! Group commit: what many executions did becomes durable in one statement, one commit, one fsync.
//!
//! Whoever has a [`Record`] sends it and is told when it is durable. When nothing is being written, it is written at once; while
//! something is, records gather and go together, so a batch is as large as the load makes it and nobody waits for a timer. Another
//! write begins beside the first only when there is much to write ([`limits::JOURNAL_GATHER_RECORDS`]): Postgres does one fsync
//! after another anyway, and a write of a few records costs nearly as much as one of many.
//! An execution has at most one record under way, so the writers need no order among them.
//!
//! A write that fails ends the driver's term (see `runtime::driver`): whether it was committed is then read from the
//! tables and not guessed, by the same way that a crashed process is recovered from.

pub mod record;
mod statement;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::PgConnection;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits;
pub use record::{Close, FRAME_FORMAT, Fate, FrameWrite, HistoryChunk, Record, Redrive, Row, Written};

/// Takes records. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    sender: mpsc::Sender<Record>,
}

/// The journal no longer writes: this process's term as driver is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is closed")]
pub struct JournalClosed;

impl Journal {
    /// Starts one writer for each connection. `told` hears of every record that is durable, from the writers' tasks;
    /// it must not block. When a write fails or finds that another driver's epoch has begun, `lost` is cancelled and
    /// nothing is written any more.
    pub fn open(
        connections: Vec<PgConnection>,
        epoch: i64,
        told: Arc<dyn Fn(Vec<Written>) + Send + Sync>,
        tracker: &TaskTracker,
        lost: &CancellationToken,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(limits::JOURNAL_QUEUE_RECORDS_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let under_way = Arc::new(UnderWay::default());
        for connection in connections {
            let writer = Writer {
                receiver: Arc::clone(&receiver),
                under_way: Arc::clone(&under_way),
                connection,
                epoch,
                told: Arc::clone(&told),
                lost: lost.clone(),
            };
            tracker.spawn(writer.run());
        }
        Self { sender }
    }

    /// Hands over a record, waiting while the queue is full. For threads outside of the async runtime.
    pub fn send_blocking(&self, record: Record) -> Result<(), JournalClosed> {
        self.sender.blocking_send(record).map_err(|_| JournalClosed)
    }
}

/// How many writes are under way.
#[derive(Default)]
struct UnderWay {
    writes: AtomicUsize,
    /// One of them has ended. Only the writer that gathers waits for it, and it looks again however often it is told.
    ended: Notify,
}

impl UnderWay {
    fn is_none(&self) -> bool {
        self.writes.load(Ordering::SeqCst) == 0
    }

    fn begin(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    fn end(&self) {
        self.writes.fetch_sub(1, Ordering::SeqCst);
        self.ended.notify_one();
    }
}

struct Writer {
    receiver: Arc<Mutex<mpsc::Receiver<Record>>>,
    under_way: Arc<UnderWay>,
    connection: PgConnection,
    epoch: i64,
    told: Arc<dyn Fn(Vec<Written>) + Send + Sync>,
    lost: CancellationToken,
}

impl Writer {
    async fn run(mut self) {
        let lost = self.lost.clone();
        // Dropping a write halfway is right when the term is over: the next term reads what came of it.
        lost.run_until_cancelled(self.write_batches()).await;
    }

    async fn write_batches(&mut self) {
        loop {
            let batch = next_batch(&self.receiver, &self.under_way).await;
            if batch.is_empty() {
                return;
            }
            let limit = std::time::Duration::from_millis(limits::JOURNAL_WRITE_MS_MAX);
            let writing = write::write_all(&mut self.connection, self.epoch, &batch);
            let written = tokio::time::timeout(limit, writing).await;
            self.under_way.end();
            match written {
                Ok(Ok(written)) => (self.told)(written),
                Ok(Err(error)) => return self.give_up(error),
                Err(_) => return self.give_up(write::WriteError::TooSlow),
            }
        }
    }

    fn give_up(&self, error: write::WriteError) {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the journal could not write; this driver's term is over"
        );
        self.lost.cancel();
    }
}

/// Waits for a record and takes what else is there, up to the limits of one write; what it gives counts as under way. Empty when
/// the journal is closed.
async fn next_batch(receiver: &Mutex<mpsc::Receiver<Record>>, under_way: &UnderWay) -> Vec<Record> {
    let mut receiver = receiver.lock().await;
    let mut batch = Batch::default();
    let Some(first) = receiver.recv().await else {
        return batch.records;
    };
    batch.add(first);
    batch.add_all(&mut receiver);
    while batch.is_small() && !under_way.is_none() {
        tokio::select! {
            () = under_way.ended.notified() => {}
            more = receiver.recv() => match more {
                Some(record) => batch.add(record),
                None => break,
            },
        }
        batch.add_all(&mut receiver);
    }
    under_way.begin();
    batch.records
}

#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, record: Record) {
        self.bytes += record.bytes();
        self.records.push(record);
    }

    /// Takes what is there.
    fn add_all(&mut self, receiver: &mut mpsc::Receiver<Record>) {
        while self.records.len() < limits::JOURNAL_BATCH_RECORDS_MAX
            && self.bytes < limits::JOURNAL_BATCH_BYTES_MAX
        {
            let Ok(record) = receiver.try_recv() else { return };
            self.add(record);
        }
    }

    /// Whether it is better to wait for more while another write is under way.
    fn is_small(&self) -> bool {
        self.records.len() < limits::JOURNAL_GATHER_RECORDS && self.bytes < limits::JOURNAL_GATHER_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;
    use uuid::Uuid;

    use super::*;
    use crate::executions::ExecutionId;

    fn record() -> Record {
        Record {
            execution: ExecutionId(Uuid::now_v7()),
            row: None,
            close: None,
            redrive: None,
            history: None,
            frame: FrameWrite::None,
        }
    }

    fn queue(records: usize) -> (mpsc::Sender<Record>, Mutex<mpsc::Receiver<Record>>) {
        let (sender, receiver) = mpsc::channel(1_024);
        for _ in 0..records {
            sender.try_send(record()).unwrap();
        }
        (sender, Mutex::new(receiver))
    }

    #[tokio::test]
    async fn few_records_gather_while_a_write_is_under_way_and_go_when_it_ends() {
        let under_way = UnderWay::default();
        let (sender, receiver) = queue(1);
        assert_eq!(next_batch(&receiver, &under_way).await.len(), 1);

        sender.try_send(record()).unwrap();
        let mut gathering = pin!(next_batch(&receiver, &under_way));
        assert!(poll!(&mut gathering).is_pending());
        sender.try_send(record()).unwrap();
        assert!(poll!(&mut gathering).is_pending());
        under_way.end();
        assert_eq!(gathering.await.len(), 2);
    }

    #[tokio::test]
    async fn many_records_do_not_wait_for_the_write_under_way() {
        let under_way = UnderWay::default();
        under_way.begin();
        let (_sender, receiver) = queue(limits::JOURNAL_GATHER_RECORDS);
        let batch = next_batch(&receiver, &under_way).await;
        assert_eq!(batch.len(), limits::JOURNAL_GATHER_RECORDS);
    }

    #[tokio::test]
    async fn what_was_gathered_is_written_when_no_more_comes() {
        let under_way = UnderWay::default();
        under_way.begin();
        let (sender, receiver) = queue(1);
        drop(sender);
        assert_eq!(next_batch(&receiver, &under_way).await.len(), 1);
        assert!(next_batch(&receiver, &under_way).await.is_empty());
    }
}
