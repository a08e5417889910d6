//! Rows of a Parquet file as items. The format is read from its end, so the file is kept on disk while it is read (without a name,
//! gone with the process), and not in memory.

use asl::items::ItemError;
use asl::json::Payload;
use futures::StreamExt as _;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::integrations::objects::{ObjectFailure, Pieces};
use crate::limits;

/// Rows, some at a time, in the order of the file.
pub(super) struct Rows {
    some: mpsc::Receiver<Result<Vec<Payload>, ItemError>>,
    reading: Option<JoinHandle<()>>,
}

impl Rows {
    /// Fetches the file, and begins to read it.
    pub(super) async fn of(pieces: Pieces) -> Result<Rows, ObjectFailure> {
        let file = kept(pieces).await?;
        // What is read ahead is bounded: some rows are taken while the next ones are made.
        let (rows, some) = mpsc::channel(1);
        let reading = tokio::task::spawn_blocking(move || {
            if let Err(error) = read(file, &rows) {
                let cause = format!("The file is not in the format PARQUET: {error}");
                let _unheard = rows.blocking_send(Err(ItemError(cause)));
            }
        });
        Ok(Rows {
            some,
            reading: Some(reading),
        })
    }

    /// The next rows; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Payload>>, ItemError> {
        if let Some(rows) = self.some.recv().await {
            return rows.map(Some);
        }
        let Some(reading) = self.reading.take() else {
            return Ok(None);
        };
        // Something was in the file that the decoder does not stand.
        reading
            .await
            .map(|()| None)
            .map_err(|_| ItemError("The file is not in the format PARQUET.".to_owned()))
    }
}

/// Decodes row by row, column chunk by column chunk, until nobody wants more.
fn read(
    file: std::fs::File,
    rows: &mpsc::Sender<Result<Vec<Payload>, ItemError>>,
) -> Result<(), ParquetError> {
    let file = SerializedFileReader::new(file)?;
    let (mut some, mut bytes) = (Vec::new(), 0);
    for row in file.get_row_iter(None)? {
        // Dates and times come as texts, decimals as texts of their digits, bytes in Base64.
        let item = Payload::from_text(row?.to_json_value().to_string())
            .map_err(|error| ParquetError::General(error.to_string()))?;
        if item.len_bytes() > asl::limits::ITEM_BYTES_MAX {
            let cause = format!("a row has more than {} bytes", asl::limits::ITEM_BYTES_MAX);
            return Err(ParquetError::General(cause));
        }
        bytes += item.len_bytes();
        some.push(item);
        if some.len() >= limits::MAP_RUN_CHUNK_INPUTS_MAX || bytes >= limits::MAP_RUN_CHUNK_BYTES_MAX {
            bytes = 0;
            if rows.blocking_send(Ok(std::mem::take(&mut some))).is_err() {
                return Ok(());
            }
        }
    }
    let _unheard = rows.blocking_send(Ok(some));
    Ok(())
}

/// The file on disk.
async fn kept(mut pieces: Pieces) -> Result<std::fs::File, ObjectFailure> {
    let failed = |error: std::io::Error| ObjectFailure {
        cause: format!("The file could not be kept while it is read: {error}"),
    };
    let file = tokio::task::spawn_blocking(tempfile::tempfile)
        .await
        .map_err(std::io::Error::other)
        .and_then(|file| file)
        .map_err(failed)?;
    let mut file = tokio::fs::File::from_std(file);
    let mut bytes = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        bytes += piece.len();
        if bytes > limits::PARQUET_FILE_BYTES_MAX {
            return Err(ObjectFailure {
                cause: format!(
                    "A file of the type PARQUET may have {} bytes.",
                    limits::PARQUET_FILE_BYTES_MAX
                ),
            });
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(file.into_std().await)
}
