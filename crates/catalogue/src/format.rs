//! Reads `data/services.bin`, which `generate.py` writes.
//!
//! Eight bytes: the length of the index packed and unpacked, as little-endian `u32`. The index and, at the offsets it gives, one
//! block for each service follow, each packed on its own with deflate. Unpacked they are lines of cells parted by tabs;
//! cells at the end of a line are left off when they are empty:
//!
//! ```text
//! index   name prefix id protocol endpoint signing target json-version version namespace host region offset packed unpacked .
//! O       action name method uri input output wrapper host-prefix root namespace checksum an action; `POST` and `/` are left out
//! E       code exception                                                                  an error; same name left out
//! S       payload u                                                                       a structure (u: a union); its members:
//!         name wire shape traits query-name namespace original                            (the line begins with a tab)
//! L       element name f                                                                  a list
//! M       key key-name value value-name f                                                 a map
//! ```
//!
//! Shapes are numbered in the order of their lines, after the scalars. The data is part of the binary, so a fault in it is a
//! fault of the build, which the test over all services finds; reading takes what it understands.

use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;

use crate::model::{Checksum, Model, Operation, Place, Protocol, Service};
use crate::shape::{List, Location, Map, Member, Scalar, Shape, ShapeId, Structure, Trait};

static DATA: &[u8] = include_bytes!("../data/services.bin");

/// Where the index and its blocks lie.
pub(crate) const LENGTHS_BYTES: usize = 8;

/// A service's part of the data, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Block {
    pub(crate) offset: usize,
    pub(crate) packed: usize,
    pub(crate) unpacked: usize,
}

static INDEX_TEXT: OnceLock<&'static str> = OnceLock::new();

fn index_text() -> &'static str {
    INDEX_TEXT.get_or_init(|| unpack(DATA, index_block(DATA)))
}

/// The index at the beginning of a file.
pub(crate) fn index_block(data: &[u8]) -> Block {
    let length = |at: usize| {
        data.get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, |bytes| u32::from_le_bytes(bytes) as usize)
    };
    Block {
        offset: LENGTHS_BYTES,
        packed: length(0),
        unpacked: length(4),
    }
}

/// The text of a block. It stays for the life of the process, like the data it is made from: each is unpacked once.
pub(crate) fn unpack(data: &[u8], block: Block) -> &'static str {
    let bytes = data
        .get(block.offset..block.offset + block.packed)
        .unwrap_or_default();
    let mut text = String::with_capacity(block.unpacked);
    match DeflateDecoder::new(bytes).read_to_string(&mut text) {
        Ok(_) => text.leak(),
        Err(_) => "",
    }
}

/// The first line of the index.
pub(crate) fn source() -> &'static str {
    index_text().lines().next().unwrap_or_default()
}

/// The services, by name.
pub(crate) fn read_index() -> Vec<Service> {
    let blocks = LENGTHS_BYTES + index_block(DATA).packed;
    index_text()
        .lines()
        .skip(1)
        .filter_map(|line| read_service(line, blocks))
        .collect()
}

/// The cells of a line; those left off are empty.
pub(crate) struct Cells(std::str::Split<'static, char>);

impl Cells {
    pub(crate) fn of(line: &'static str) -> Self {
        Self(line.split('\t'))
    }

    pub(crate) fn text(&mut self) -> &'static str {
        self.0.next().unwrap_or_default()
    }

    fn text_or(&mut self, default: &'static str) -> &'static str {
        match self.text() {
            "" => default,
            text => text,
        }
    }

    pub(crate) fn number(&mut self) -> usize {
        self.text().parse().unwrap_or_default()
    }

    pub(crate) fn shape(&mut self) -> Option<ShapeId> {
        self.text().parse().ok().map(ShapeId)
    }
}

fn read_service(line: &'static str, blocks: usize) -> Option<Service> {
    let mut cells = Cells::of(line);
    Some(Service {
        name: cells.text(),
        prefix: cells.text(),
        id: cells.text(),
        protocol: match cells.text() {
            "json" => Protocol::Json,
            "query" => Protocol::Query,
            "ec2" => Protocol::Ec2,
            "rest-json" => Protocol::RestJson,
            "rest-xml" => Protocol::RestXml,
            "smithy-rpc-v2-cbor" => Protocol::Cbor,
            _ => return None,
        },
        endpoint_prefix: cells.text(),
        signing_name: cells.text(),
        target_prefix: cells.text(),
        json_version: cells.text(),
        api_version: cells.text(),
        xml_namespace: cells.text(),
        place: match (cells.text(), cells.text()) {
            ("", _) => None,
            (host, region) => Some(Place { host, region }),
        },
        block: Block {
            offset: blocks + cells.number(),
            packed: cells.number(),
            unpacked: cells.number(),
        },
        model: OnceLock::new(),
    })
}

/// The model of a service.
pub(crate) fn read_model(block: Block) -> Model {
    let mut model = Model {
        shapes: Scalar::ALL.into_iter().map(Shape::Scalar).collect(),
        ..Model::default()
    };
    for line in unpack(DATA, block).lines() {
        let mut cells = Cells::of(line);
        match cells.text() {
            "O" => model.operations.push(read_operation(cells)),
            "E" => {
                let code = cells.text();
                model.exceptions.push((code, cells.text_or(code)));
            }
            "" => {
                if let (Some(Shape::Structure(structure)), Some(member)) =
                    (model.shapes.last_mut(), read_member(cells))
                {
                    structure.members.push(member);
                }
            }
            kind => model.shapes.extend(read_shape(kind, cells)),
        }
    }
    // In order already, but a look-up must not depend on how Python sorts.
    model
        .operations
        .sort_unstable_by(|one, two| one.action.cmp(two.action));
    model.exceptions.sort_unstable();
    model.shapes.shrink_to_fit();
    model
}

fn read_operation(mut cells: Cells) -> Operation {
    Operation {
        action: cells.text(),
        name: cells.text(),
        method: cells.text_or("POST"),
        uri: cells.text_or("/"),
        input: cells.shape(),
        output: cells.shape(),
        result_wrapper: cells.text(),
        host_prefix: cells.text(),
        root_element: cells.text(),
        root_namespace: cells.text(),
        checksum: match cells.text() {
            "c" => Checksum::Crc32,
            "m" => Checksum::Md5,
            _ => Checksum::None,
        },
    }
}

fn read_shape(kind: &str, mut cells: Cells) -> Option<Shape> {
    Some(match kind {
        "S" => Shape::Structure(Structure {
            payload: Some(cells.text()).filter(|name| !name.is_empty()),
            union: cells.text() == "u",
            members: Vec::new(),
        }),
        "L" => Shape::List(List {
            element: cells.shape()?,
            name: cells.text(),
            flattened: cells.text() == "f",
        }),
        "M" => {
            let (key, key_name) = (cells.shape()?, cells.text_or("key"));
            let (value, value_name) = (cells.shape()?, cells.text_or("value"));
            Shape::Map(Map {
                key,
                value,
                key_name,
                value_name,
                flattened: cells.text() == "f",
            })
        }
        _ => return None,
    })
}

fn read_member(mut cells: Cells) -> Option<Member> {
    let name = cells.text();
    let wire = cells.text_or(name);
    let shape = cells.shape()?;
    let mut location = Location::Body;
    let mut traits = 0;
    for letter in cells.text().chars() {
        match letter {
            'h' => location = Location::Header,
            'H' => location = Location::Headers,
            'u' => location = Location::Uri,
            'q' => location = Location::Query,
            's' => location = Location::Status,
            'r' => traits |= Trait::Required as u8,
            'i' => traits |= Trait::IdempotencyToken as u8,
            'f' => traits |= Trait::Flattened as u8,
            'j' => traits |= Trait::JsonValue as u8,
            'x' => traits |= Trait::XmlAttribute as u8,
            'l' => traits |= Trait::HostLabel as u8,
            'b' => traits |= Trait::Streaming as u8,
            _ => {}
        }
    }
    Some(Member {
        name,
        wire,
        shape,
        location,
        query_name: cells.text(),
        namespace: cells.text(),
        original: cells.text_or(name),
        traits,
    })
}
