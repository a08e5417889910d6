//! What values in answers are bounded by: lengths, sizes, enumerations. Only mocks are compared with these, so they lie in a
//! file of their own, `data/bounds.bin`, in the form of `services.bin` (see `format`):
//!
//! ```text
//! index   name offset packed unpacked .
//! block   shape part least most values        part: a structure's member; empty for a list's elements and a map's values
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::format::{self, Block, Cells, LENGTHS_BYTES};
use crate::shape::ShapeId;

static DATA: &[u8] = include_bytes!("../data/bounds.bin");
static INDEX: OnceLock<HashMap<&'static str, Block>> = OnceLock::new();
static READ: Mutex<Option<HashMap<&'static str, &'static Bounds>>> = Mutex::new(None);

/// The bounds within one service.
#[derive(Debug, Default)]
pub struct Bounds {
    /// Shape, part and bound, in order.
    places: Vec<(u32, &'static str, Bound)>,
}

/// What one value is bounded by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bound {
    /// The least number, or length.
    pub least: Option<f64>,
    /// The greatest number, or length.
    pub most: Option<f64>,
    /// All it can be; empty where it can be anything.
    pub values: Vec<&'static str>,
}

impl Bounds {
    /// What bounds a structure's member, or (with an empty name) a list's elements and a map's values.
    pub fn of(&self, shape: ShapeId, part: &str) -> Option<&Bound> {
        let key = (shape.0, part);
        let at = self
            .places
            .binary_search_by(|(shape, part, _)| (*shape, *part).cmp(&key));
        at.ok()
            .and_then(|at| self.places.get(at))
            .map(|(_, _, bound)| bound)
    }
}

/// The bounds of a service; none where nothing of its answers is bounded.
pub(crate) fn of_service(name: &'static str) -> Option<&'static Bounds> {
    let block = *INDEX.get_or_init(read_index).get(name)?;
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let known = read.get_or_insert_default();
    Some(
        known
            .entry(name)
            .or_insert_with(|| Box::leak(Box::new(read_bounds(block)))),
    )
}

fn read_index() -> HashMap<&'static str, Block> {
    let index = format::index_block(DATA);
    let blocks = LENGTHS_BYTES + index.packed;
    let lines = format::unpack(DATA, index).lines();
    lines
        .map(|line| {
            let mut cells = Cells::of(line);
            let name = cells.text();
            let block = Block {
                offset: blocks + cells.number(),
                packed: cells.number(),
                unpacked: cells.number(),
            };
            (name, block)
        })
        .collect()
}

fn read_bounds(block: Block) -> Bounds {
    let lines = format::unpack(DATA, block).lines();
    let places = lines.filter_map(|line| {
        let mut cells = Cells::of(line);
        let (shape, part) = (cells.shape()?, cells.text());
        let bound = Bound {
            least: cells.text().parse().ok(),
            most: cells.text().parse().ok(),
            values: match cells.text() {
                "" => Vec::new(),
                values => values.split('|').collect(),
            },
        };
        Some((shape.0, part, bound))
    });
    let mut places: Vec<_> = places.collect();
    // In order already, but a look-up must not depend on how Python sorts.
    places.sort_unstable_by_key(|(shape, part, _)| (*shape, *part));
    Bounds { places }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bound of a member of an action's answer, by the way to it.
    fn bound(service: &str, action: &str, way: &[&str]) -> Option<Bound> {
        let service = crate::service(service).unwrap();
        let mut shape = service.action(action).unwrap().output.unwrap();
        let (last, before) = way.split_last().unwrap();
        for step in before {
            shape = service.structure(shape).unwrap().member(step).unwrap().shape;
        }
        service.bounds()?.of(shape, last).cloned()
    }

    #[test]
    fn lengths_sizes_and_enumerations_of_answers_are_there() {
        let cipher = bound("kms", "encrypt", &["CiphertextBlob"]).unwrap();
        assert_eq!((cipher.least, cipher.most), (Some(1.0), Some(6144.0)));
        let memory = bound("lambda", "getFunction", &["Configuration", "MemorySize"]).unwrap();
        assert_eq!((memory.least, memory.most), (Some(128.0), Some(10240.0)));
        let class = bound("s3", "getObject", &["StorageClass"]).unwrap();
        assert!(class.values.contains(&"GLACIER"), "{class:?}");
        assert_eq!(bound("s3", "getObject", &["ETag"]), None);
    }

    #[test]
    fn every_bound_is_of_a_shape_that_is_there() {
        for service in crate::services() {
            let Some(bounds) = service.bounds() else { continue };
            for (shape, part, _) in &bounds.places {
                let shape = service.shape(ShapeId(*shape));
                let there = match shape {
                    crate::Shape::Structure(structure) => structure.member(part).is_some(),
                    crate::Shape::List(_) | crate::Shape::Map(_) => part.is_empty(),
                    crate::Shape::Scalar(_) => false,
                };
                assert!(there, "{}: {shape:?} has no {part}", service.name);
            }
        }
    }
}
