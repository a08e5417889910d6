//! What an `ItemReader` reads → the items of a distributed Map, as the bytes come. Nothing here holds more than one item. The
//! causes of failures are AWS's own where it is known.

mod array;
mod csv;
mod lines;
mod listing;
mod pointer;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::array::Array;
use self::csv::Csv;
use self::lines::Lines;
use crate::json::Payload;
use crate::limits::ITEM_BYTES_MAX;

pub use listing::listed;

/// How items are written in what is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemFormat {
    /// An array, the document itself or at `pointer` in it (RFC 6901).
    Json {
        /// `ItemsPointer`
        pointer: Option<Arc<str>>,
    },
    /// One JSON value a line.
    JsonLines,
    /// Rows after RFC 4180; each becomes an object of texts.
    Csv {
        /// Where the names of the columns are.
        header: CsvHeader,
        /// Between two fields, one ASCII letter.
        delimiter: char,
    },
    /// The objects of a listing (`s3:listObjectsV2`).
    Listing,
    /// The manifest of an S3 inventory, whose files are CSV.
    Inventory,
    /// The data manifest of an UNLOAD by Athena (`ATHENA_DATA`), which names files in this format.
    Athena(Box<ItemFormat>),
    /// The objects of a listing, in this format; the items are in them (`LOAD_AND_FLATTEN`).
    Objects(Box<ItemFormat>),
    /// Parquet: each row an object. It is not cut into items here, as it comes: it is read from its end.
    Parquet,
}

/// Where a CSV's names of columns are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CsvHeader {
    /// In its first row.
    FirstRow,
    /// In the definition.
    Given(Vec<Arc<str>>),
}

/// Why no item can be made of what was read: the cause of `States.ItemReaderFailed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ItemError(pub String);

impl ItemError {
    fn too_large() -> ItemError {
        ItemError(format!(
            "The size of an item exceeds the limit of {ITEM_BYTES_MAX} bytes."
        ))
    }
}

/// Cuts what is read into items.
#[derive(Debug)]
pub struct ItemParser(Parser);

#[derive(Debug)]
enum Parser {
    Array(Array),
    Lines(Lines),
    Csv(Csv),
}

impl ItemParser {
    /// A parser of one file. Listings and manifests are no such thing.
    pub fn new(format: &ItemFormat) -> Result<ItemParser, ItemError> {
        Ok(ItemParser(match format {
            ItemFormat::Json { pointer } => Parser::Array(Array::new(pointer.clone())),
            ItemFormat::JsonLines => Parser::Lines(Lines::default()),
            ItemFormat::Csv { header, delimiter } => Parser::Csv(Csv::new(header, *delimiter)?),
            ItemFormat::Parquet => {
                return Err(ItemError("A file of the type PARQUET is no text.".to_owned()));
            }
            ItemFormat::Listing | ItemFormat::Inventory | ItemFormat::Athena(_) | ItemFormat::Objects(_) => {
                return Err(ItemError(
                    "A file of items is neither a listing nor a manifest.".to_owned(),
                ));
            }
        }))
    }

    /// Takes the next bytes, and puts the items that are complete with them behind those in `found`.
    pub fn push(&mut self, bytes: &[u8], found: &mut Vec<Payload>) -> Result<(), ItemError> {
        match &mut self.0 {
            Parser::Array(array) => array.push(bytes, found),
            Parser::Lines(lines) => lines.push(bytes, found),
            Parser::Csv(csv) => csv.push(bytes, found),
        }
    }

    /// There are no more bytes.
    pub fn finish(self, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        match self.0 {
            Parser::Array(array) => array.finish(),
            Parser::Lines(lines) => lines.finish(found),
            Parser::Csv(csv) => csv.finish(found),
        }
    }
}

fn not_iterable() -> ItemError {
    ItemError("Attempting to map over non-iterable node.".to_owned())
}

fn text(bytes: &[u8]) -> Result<&str, ItemError> {
    std::str::from_utf8(bytes).map_err(|_| ItemError("The file is not encoded in UTF-8.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items as one array, read in pieces of every size.
    pub(super) fn read(format: &ItemFormat, body: &str) -> Result<String, String> {
        let in_pieces = |size: usize| -> Result<String, String> {
            let mut parser = ItemParser::new(format).map_err(|error| error.0)?;
            let mut found = Vec::new();
            for piece in body.as_bytes().chunks(size) {
                parser.push(piece, &mut found).map_err(|error| error.0)?;
            }
            parser.finish(&mut found).map_err(|error| error.0)?;
            Ok(Payload::from_items(found).text().to_string())
        };
        let whole = in_pieces(body.len().max(1));
        for size in 1..body.len().min(40) {
            assert_eq!(in_pieces(size), whole, "in pieces of {size}");
        }
        whole
    }
}
