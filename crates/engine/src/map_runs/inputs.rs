//! The inputs of a Map Run's children: gathered into rows when they are planned, fetched row by row when they are begun.

use std::sync::Arc;

use asl::eval::ChildInput;
use asl::json::Payload;
use serde_json::value::RawValue;

use super::store::{Chunk, Store};
use crate::limits;

/// Gathers inputs into rows.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    chunk: Chunk,
    count: u32,
}

impl Gathered {
    /// Behind so many inputs that are in rows already.
    pub(super) fn after(inputs: u32) -> Self {
        Self {
            chunk: Chunk {
                first_index: inputs,
                ..Chunk::default()
            },
            count: inputs,
        }
    }

    /// Takes an input; gives a row when one is full.
    pub(super) fn add(&mut self, child: &ChildInput) -> Option<Chunk> {
        let is_full = self.chunk.items.len() >= limits::MAP_RUN_CHUNK_INPUTS_MAX
            || self.chunk.inputs.len() + child.input.len_bytes() > limits::MAP_RUN_CHUNK_BYTES_MAX;
        let full = if is_full { self.take() } else { None };
        if !self.chunk.items.is_empty() {
            self.chunk.inputs.push(',');
        }
        self.chunk.inputs.push_str(child.input.text());
        self.chunk
            .items
            .push(i32::try_from(child.items).unwrap_or(i32::MAX));
        self.count += 1;
        full
    }

    /// The row that is not full.
    pub(super) fn take(&mut self) -> Option<Chunk> {
        if self.chunk.items.is_empty() {
            return None;
        }
        let next = Chunk {
            first_index: self.count,
            ..Chunk::default()
        };
        Some(std::mem::replace(&mut self.chunk, next))
    }

    /// How many inputs there are, with those before.
    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

/// Fetches inputs, a row at a time.
pub(super) struct Inputs {
    store: Store,
    arn: Arc<str>,
    first_index: u32,
    row: Vec<Box<RawValue>>,
}

impl Inputs {
    /// `row` may be the bytes of a row that is at hand, with the index of its first input.
    pub(super) fn new(store: Store, arn: Arc<str>, row: Option<(u32, Vec<u8>)>) -> sqlx::Result<Self> {
        let mut inputs = Self {
            store,
            arn,
            first_index: 0,
            row: Vec::new(),
        };
        inputs.hold(row)?;
        Ok(inputs)
    }

    /// The input of this index; `None` when there is none.
    pub(super) async fn get(&mut self, index: u32) -> sqlx::Result<Option<Payload>> {
        if self.held(index).is_none() {
            let row = self.store.chunk_of(&self.arn, index).await?;
            self.hold(row)?;
        }
        let Some(input) = self.held(index) else {
            return Ok(None);
        };
        let input = Payload::from_text(input.get()).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Some(input))
    }

    fn held(&self, index: u32) -> Option<&RawValue> {
        let place = usize::try_from(index.checked_sub(self.first_index)?).ok()?;
        self.row.get(place).map(|input| &**input)
    }

    fn hold(&mut self, row: Option<(u32, Vec<u8>)>) -> sqlx::Result<()> {
        if let Some((first_index, inputs)) = row {
            self.first_index = first_index;
            self.row = serde_json::from_slice(&inputs).map_err(|error| sqlx::Error::Decode(error.into()))?;
        }
        Ok(())
    }
}
