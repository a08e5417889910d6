//! CSV: rows and fields after RFC 4180 (quotes around a field, doubled inside of one); each row an object of texts.

use std::sync::Arc;

use super::{CsvHeader, ItemError};
use crate::json::order::java_map_order;
use crate::json::{Json, Object, Payload};
use crate::limits::ITEM_BYTES_MAX;

#[derive(Debug)]
pub(super) struct Csv {
    delimiter: u8,
    header: Option<Header>,
    row: Vec<Vec<u8>>,
    field: Vec<u8>,
    /// Bytes of the row so far.
    row_bytes: usize,
    quote: Quote,
    /// A carriage return that is dropped when a line feed follows.
    return_held: bool,
    /// How much of a byte order mark has come; beyond it nothing of one can follow.
    mark: usize,
}

#[derive(Debug)]
struct Header {
    names: Vec<Arc<str>>,
    /// AWS makes each row a `HashMap`: the columns in the order that gives them.
    order: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    Outside,
    Inside,
    /// Behind a quote within: the end, or the first of two.
    Ending,
}

const MARK: &[u8] = "\u{feff}".as_bytes();

impl Csv {
    pub(super) fn new(header: &CsvHeader, delimiter: char) -> Result<Csv, ItemError> {
        Ok(Csv {
            delimiter: u8::try_from(delimiter)
                .map_err(|_| ItemError(format!("`{delimiter}` can't be a CSVDelimiter.")))?,
            header: match header {
                CsvHeader::FirstRow => None,
                CsvHeader::Given(names) => Some(Header::new(names.clone())?),
            },
            row: Vec::new(),
            field: Vec::new(),
            row_bytes: 0,
            quote: Quote::Outside,
            return_held: false,
            mark: 0,
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8], found: &mut Vec<Payload>) -> Result<(), ItemError> {
        for byte in bytes {
            if MARK.get(self.mark) == Some(byte) {
                self.mark += 1;
                continue;
            }
            self.mark = MARK.len();
            self.take(*byte, found)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        self.end_row(found)
    }

    fn take(&mut self, byte: u8, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        self.row_bytes += 1;
        if self.row_bytes > ITEM_BYTES_MAX {
            return Err(ItemError::too_large());
        }
        if self.quote == Quote::Inside {
            match byte {
                b'"' => self.quote = Quote::Ending,
                other => self.field.push(other),
            }
            return Ok(());
        }
        if self.quote == Quote::Ending && byte == b'"' {
            self.field.push(b'"');
            self.quote = Quote::Inside;
            return Ok(());
        }
        self.quote = Quote::Outside;
        if std::mem::take(&mut self.return_held) && byte != b'\n' {
            self.field.push(b'\r');
        }
        match byte {
            b'"' if self.field.is_empty() => self.quote = Quote::Inside,
            b'\r' => self.return_held = true,
            b'\n' => return self.end_row(found),
            byte if byte == self.delimiter => self.row.push(std::mem::take(&mut self.field)),
            byte => self.field.push(byte),
        }
        Ok(())
    }

    fn end_row(&mut self, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        self.row_bytes = 0;
        self.quote = Quote::Outside;
        self.return_held = false;
        // A line without anything is no row.
        if self.row.is_empty() && self.field.is_empty() {
            return Ok(());
        }
        self.row.push(std::mem::take(&mut self.field));
        let fields = std::mem::take(&mut self.row);
        match &self.header {
            None => {
                let names = fields.iter().map(|field| Ok(super::text(field)?.into()));
                self.header = Some(Header::new(names.collect::<Result<_, ItemError>>()?)?);
            }
            Some(header) => found.push(header.item(&fields)?),
        }
        Ok(())
    }
}

impl Header {
    fn new(names: Vec<Arc<str>>) -> Result<Header, ItemError> {
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|before| before == name) {
                return Err(ItemError("CSV headers cannot contain duplicates.".to_owned()));
            }
        }
        let order = java_map_order(&names);
        Ok(Header { names, order })
    }

    /// Missing fields are empty, extra ones are dropped.
    fn item(&self, fields: &[Vec<u8>]) -> Result<Payload, ItemError> {
        let mut item = Object::with_capacity(self.names.len());
        for column in &self.order {
            let value = fields.get(*column).map_or(Ok(""), |field| super::text(field))?;
            if let Some(name) = self.names.get(*column) {
                item.insert(name.clone(), Json::from(value));
            }
        }
        Ok(Payload::from_json(Json::object(item)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::ItemFormat;
    use crate::items::tests::read;

    fn csv(header: CsvHeader, delimiter: char) -> ItemFormat {
        ItemFormat::Csv { header, delimiter }
    }

    #[test]
    fn rows_become_objects_in_the_order_of_a_java_map() {
        assert_eq!(
            read(&csv(CsvHeader::FirstRow, ','), "0,True,{}\n1,2,3\n").unwrap(),
            r#"[{"0":"1","{}":"3","True":"2"}]"#
        );
    }

    #[test]
    fn missing_fields_are_empty_and_extra_ones_dropped() {
        assert_eq!(
            read(&csv(CsvHeader::FirstRow, ','), "a,b\n1\n1,2,3\n").unwrap(),
            r#"[{"a":"1","b":""},{"a":"1","b":"2"}]"#
        );
    }

    #[test]
    fn quotes_hold_delimiters_and_lines() {
        let header = || CsvHeader::Given(vec!["a".into()]);
        assert_eq!(
            read(&csv(header(), ','), "\"x,\"\"y\"\"\r\nz\",2\r\n\r\n\n").unwrap(),
            "[{\"a\":\"x,\\\"y\\\"\\r\\nz\"}]"
        );
        assert_eq!(
            read(&csv(header(), '|'), "\u{feff}1,2|3\ra\n\"\u{e4}\"|").unwrap(),
            "[{\"a\":\"1,2\"},{\"a\":\"ä\"}]"
        );
    }

    #[test]
    fn equal_headers_are_refused() {
        let header = CsvHeader::Given(vec!["a".into(), "a".into()]);
        assert_eq!(
            read(&csv(header, ','), "1,2").unwrap_err(),
            "CSV headers cannot contain duplicates."
        );
    }
}
