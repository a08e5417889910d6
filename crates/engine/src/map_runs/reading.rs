//! A reading of items that goes on beside the children.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

use super::read::{Read, ReadError, Reader};

/// Items that are being read while children run.
pub(super) struct Reading {
    /// How many inputs there are, at its end.
    read: BoxFuture<'static, Result<u32, ReadError>>,
    /// How many items are in the inputs of a row that was written.
    written: mpsc::Receiver<Vec<u32>>,
}

/// What comes of a reading.
pub(super) enum ReadNews {
    /// A row of inputs was written, with so many items in each.
    More(Vec<u32>),
    /// All are read, so many inputs; or there will be no more.
    Over(Result<u32, ReadError>),
}

impl Reading {
    /// Goes on behind what is `read` already.
    pub(super) fn begin(reader: Reader, read: Read) -> Self {
        // One row is told of while the next is made.
        let (told, written) = mpsc::channel(1);
        Self {
            read: reader.read(read, told).boxed(),
            written,
        }
    }

    /// Reads on until there is something to say.
    pub(super) async fn next(reading: &mut Option<Reading>) -> ReadNews {
        let Some(Reading { read, written }) = reading else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            Some(items) = written.recv() => ReadNews::More(items),
            read = read => ReadNews::Over(read),
        }
    }

    /// Rows that were written and not told of, when it is over.
    pub(super) fn rest(mut self) -> impl Iterator<Item = Vec<u32>> {
        std::iter::from_fn(move || self.written.try_recv().ok())
    }
}
