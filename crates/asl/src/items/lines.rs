//! JSONL: one JSON value a line; lines without anything are passed over.

use super::{ItemError, text};
use crate::json::{Payload, read};
use crate::limits::ITEM_BYTES_MAX;

#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The line that has not come to its end.
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn push(&mut self, mut bytes: &[u8], found: &mut Vec<Payload>) -> Result<(), ItemError> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.line.extend_from_slice(line);
            self.end(found)?;
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > ITEM_BYTES_MAX {
            return Err(ItemError::too_large());
        }
        Ok(())
    }

    pub(super) fn finish(mut self, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        self.end(found)
    }

    fn end(&mut self, found: &mut Vec<Payload>) -> Result<(), ItemError> {
        let line = text(&self.line)?.trim();
        if !line.is_empty() {
            let item = read::read(line).map_err(|error| ItemError(error.to_string()))?;
            found.push(Payload::from_json(item));
        }
        self.line.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::items::ItemFormat;
    use crate::items::tests::read;

    #[test]
    fn each_line_is_an_item() {
        assert_eq!(
            read(&ItemFormat::JsonLines, "{\"a\": 1}\r\n\n2\n\"ä\"").unwrap(),
            r#"[{"a":1},2,"ä"]"#
        );
        assert!(read(&ItemFormat::JsonLines, "{\n}").is_err());
    }
}
