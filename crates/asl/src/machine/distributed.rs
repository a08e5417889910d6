//! What a distributed Map has beyond an inline one: what its children are, a reader of its items, batches, a writer of its
//! results, a label.

use std::sync::Arc;

use super::BuildError;
use super::fields;
use super::state::Amount;
use super::template::Template;
use crate::eval::{MachineKind, OutputType, Resource, Transformation};
use crate::items::{CsvHeader, ItemFormat};
use crate::json::spanned::Node;

/// A Map whose iterations are executions of their own.
#[derive(Debug)]
pub(crate) struct Distributed {
    /// `Label`; part of the Map Run's ARN.
    pub(crate) label: Option<Arc<str>>,
    /// `ExecutionType` of the children.
    pub(crate) kind: MachineKind,
    pub(crate) reader: Option<Reader>,
    pub(crate) batcher: Option<Batcher>,
    pub(crate) writer: Option<Writer>,
}

impl Distributed {
    /// Whether its results go to a `ResultWriter`.
    pub(crate) fn has_writer(&self) -> bool {
        self.writer
            .as_ref()
            .is_some_and(|writer| writer.arguments.is_some())
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
}

/// `ItemBatcher`
#[derive(Debug)]
pub(crate) struct Batcher {
    pub(crate) max_items: Option<Amount>,
    pub(crate) max_bytes: Option<Amount>,
    pub(crate) input: Option<Template>,
}

/// `ResultWriter`
#[derive(Debug)]
pub(crate) struct Writer {
    /// Where to in S3; absent: the results are the state's output in this form.
    pub(crate) arguments: Option<Template>,
    pub(crate) transformation: Transformation,
    pub(crate) output_type: OutputType,
}

/// Reads the fields of a Map in mode DISTRIBUTED. `template` compiles a template in the state's language.
pub(super) fn distributed(
    map: &Node,
    kind: MachineKind,
    template: &dyn Fn(&Node) -> Result<Template, BuildError>,
) -> Result<Distributed, BuildError> {
    Ok(Distributed {
        label: map.get("Label").map(fields::text).transpose()?,
        kind,
        reader: map
            .get("ItemReader")
            .map(|node| reader(node, template))
            .transpose()?,
        batcher: map
            .get("ItemBatcher")
            .map(|node| batcher(node, template))
            .transpose()?,
        writer: map
            .get("ResultWriter")
            .map(|node| writer(node, template))
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
    let word = |name| config.and_then(|config| config.get(name)?.as_str());
    let arguments = node.get("Parameters").or_else(|| node.get("Arguments"));
    Ok(Reader {
        resource,
        arguments: arguments.map(template).transpose()?,
        format: match (config, is_listing, word("Transformation"), word("ManifestType")) {
            (Some(config), true, Some("LOAD_AND_FLATTEN"), _) => ItemFormat::Objects(Box::new(file(config)?)),
            (_, true, ..) | (None, false, ..) => ItemFormat::Listing,
            (Some(config), false, _, Some("ATHENA_DATA")) => ItemFormat::Athena(Box::new(file(config)?)),
            // Its files are CSV, so it needs no `InputType` (developer guide, "ItemReader").
            (Some(_), false, _, Some("S3_INVENTORY")) => ItemFormat::Inventory,
            (Some(config), false, ..) => format(config)?,
        },
        max_items: match config {
            Some(config) => fields::amount(config, "MaxItems")?,
            None => None,
        },
    })
}

/// What files are written in that others name.
fn file(config: &Node) -> Result<ItemFormat, BuildError> {
    match format(config)? {
        ItemFormat::Inventory => Err(BuildError::new(
            config,
            "what is in the files has to be of the type CSV, JSON, JSONL or PARQUET".to_owned(),
        )),
        format => Ok(format),
    }
}

fn format(config: &Node) -> Result<ItemFormat, BuildError> {
    let input_type = config
        .get("InputType")
        .ok_or_else(|| BuildError::new(config, "`InputType` is missing".to_owned()))?;
    match input_type.as_str() {
        Some("JSON") => Ok(ItemFormat::Json {
            pointer: config.get("ItemsPointer").map(fields::text).transpose()?,
        }),
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
        Some("MANIFEST") => Ok(ItemFormat::Inventory),
        Some("PARQUET") => Ok(ItemFormat::Parquet),
        _ => Err(BuildError::new(
            input_type,
            "items are of the type CSV, JSON, JSONL, MANIFEST or PARQUET".to_owned(),
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

fn writer(
    node: &Node,
    template: &dyn Fn(&Node) -> Result<Template, BuildError>,
) -> Result<Writer, BuildError> {
    let arguments = node.get("Parameters").or_else(|| node.get("Arguments"));
    let word = |name| node.get("WriterConfig")?.get(name)?.as_str();
    Ok(Writer {
        arguments: arguments.map(template).transpose()?,
        transformation: match word("Transformation") {
            Some("COMPACT") => Transformation::Compact,
            Some("FLATTEN") => Transformation::Flatten,
            _ => Transformation::None,
        },
        output_type: match word("OutputType") {
            Some("JSONL") => OutputType::JsonLines,
            _ => OutputType::Json,
        },
    })
}
