//! What a distributed Map has beyond an inline one: a reader of its items, batches, a label.

use std::sync::Arc;

use super::BuildError;
use super::fields;
use super::state::Amount;
use super::template::Template;
use crate::eval::Resource;
use crate::json::spanned::Node;

/// A Map whose iterations are executions of their own.
#[derive(Debug)]
pub(crate) struct Distributed {
    /// `Label`; part of the map run's ARN.
    pub(crate) label: Option<Arc<str>>,
    pub(crate) reader: Option<Reader>,
    pub(crate) batcher: Option<Batcher>,
}

impl Distributed {
    /// Whether its results go to a `ResultWriter`.
    #[expect(clippy::unused_self, reason = "no machine with one is built yet")]
    pub(crate) fn has_writer(&self) -> bool {
        false
    }
}

/// `ItemReader`
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) resource: Resource,
    pub(crate) arguments: Option<Template>,
    pub(crate) format: ItemFormat,
    /// 0: all.
    pub(crate) max_items: Option<Amount>,
    /// `ItemsPointer`: where in a JSON document the array is (RFC 6901).
    pub(crate) pointer: Option<Arc<str>>,
}

/// How items are written in what a reader reads.
#[derive(Debug)]
pub(crate) enum ItemFormat {
    /// A JSON array or object.
    Json,
    /// One JSON value a line.
    JsonLines,
    Csv {
        header: CsvHeader,
        delimiter: char,
    },
    /// The `Contents` of a listing of objects.
    Listing,
}

#[derive(Debug)]
pub(crate) enum CsvHeader {
    FirstRow,
    Given(Vec<Arc<str>>),
}

/// `ItemBatcher`
#[derive(Debug)]
pub(crate) struct Batcher {
    pub(crate) max_items: Option<Amount>,
    pub(crate) max_bytes: Option<Amount>,
    pub(crate) input: Option<Template>,
}

/// Reads the fields of a Map in mode DISTRIBUTED. `template` compiles a template in the state's language.
pub(super) fn distributed(
    map: &Node,
    template: &dyn Fn(&Node) -> Result<Template, BuildError>,
) -> Result<Distributed, BuildError> {
    if let Some(writer) = map.get("ResultWriter") {
        return Err(BuildError::new(
            writer,
            "this engine can't run a `ResultWriter` yet; leave it away and use the Map's output".to_owned(),
        ));
    }
    Ok(Distributed {
        label: map.get("Label").map(fields::text).transpose()?,
        reader: map
            .get("ItemReader")
            .map(|node| reader(node, template))
            .transpose()?,
        batcher: map
            .get("ItemBatcher")
            .map(|node| batcher(node, template))
            .transpose()?,
    })
}

fn reader(
    node: &Node,
    template: &dyn Fn(&Node) -> Result<Template, BuildError>,
) -> Result<Reader, BuildError> {
    let resource_node = node
        .get("Resource")
        .ok_or_else(|| BuildError::new(node, "`Resource` is missing".to_owned()))?;
    let resource = Resource::parse(&fields::text(resource_node)?)
        .map_err(|error| BuildError::new(resource_node, error.to_string()))?;
    let is_listing = matches!(&resource, Resource::Service { action, .. } if &**action == "listObjectsV2");
    let config = node.get("ReaderConfig");
    let arguments = node.get("Parameters").or_else(|| node.get("Arguments"));
    Ok(Reader {
        resource,
        arguments: arguments.map(template).transpose()?,
        format: match config.filter(|_| !is_listing) {
            None => ItemFormat::Listing,
            Some(config) => format(config)?,
        },
        max_items: match config {
            Some(config) => fields::amount(config, "MaxItems")?,
            None => None,
        },
        pointer: config
            .and_then(|config| config.get("ItemsPointer"))
            .map(fields::text)
            .transpose()?,
    })
}

fn format(config: &Node) -> Result<ItemFormat, BuildError> {
    let input_type = config
        .get("InputType")
        .ok_or_else(|| BuildError::new(config, "`InputType` is missing".to_owned()))?;
    match input_type.as_str() {
        Some("JSON") => Ok(ItemFormat::Json),
        Some("JSONL") => Ok(ItemFormat::JsonLines),
        Some("CSV") => Ok(ItemFormat::Csv {
            header: match config.get("CSVHeaders") {
                Some(_) => CsvHeader::Given(fields::texts(config.get("CSVHeaders"))?),
                None => CsvHeader::FirstRow,
            },
            delimiter: match config.get("CSVDelimiter").and_then(Node::as_str) {
                Some("PIPE") => '|',
                Some("SEMICOLON") => ';',
                Some("SPACE") => ' ',
                Some("TAB") => '\t',
                _ => ',',
            },
        }),
        _ => Err(BuildError::new(
            input_type,
            "this engine reads items of the types JSON, JSONL and CSV".to_owned(),
        )),
    }
}

fn batcher(
    node: &Node,
    template: &dyn Fn(&Node) -> Result<Template, BuildError>,
) -> Result<Batcher, BuildError> {
    Ok(Batcher {
        max_items: fields::amount(node, "MaxItemsPerBatch")?,
        max_bytes: fields::amount(node, "MaxInputBytesPerBatch")?,
        input: node.get("BatchInput").map(template).transpose()?,
    })
}
