//! What only Maps have: the processor's mode, the reader, the batcher and the writer of the distributed mode.

use super::context::{Context, Finding};
use super::expressions::Slot;
use super::fields::{required, unsupported, wrong_language};
use super::shapes;
use crate::eval::MachineKind;
use crate::json::spanned::{Member, Node};
use crate::syntax::definition::State;
use crate::syntax::fields::Shape;
use crate::syntax::integrations::ResourceText;
use crate::syntax::place::Place;
use crate::syntax::{QueryLanguage, StateType, has_substitution};

/// A count without a bound of its own.
const COUNT: Shape = Shape::Integer {
    min: 0,
    max: i64::MAX,
    evaluated: true,
};
const POSITIVE: Shape = Shape::Integer {
    min: 1,
    max: i64::MAX,
    evaluated: true,
};
const READ: Shape = Shape::ReferencePath {
    or_null: false,
    writable: false,
};

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context
        .state(index)
        .filter(|state| state.kind == Some(StateType::Map))
    else {
        return;
    };
    let place = state.place();
    for member in state.node().as_object().unwrap_or_default() {
        if member.value.as_object().is_none() {
            continue;
        }
        let part = Part {
            index,
            state,
            place: &place.member(member),
            node: &member.value,
        };
        match &*member.key {
            "ItemProcessor" | "Iterator" => processor(context, &part),
            "ItemReader" => reader(context, &part),
            "ItemBatcher" => batcher(context, &part),
            "ResultWriter" => writer(context, &part),
            _ => {}
        }
    }
}

/// An object of a Map, and whose it is.
struct Part<'p> {
    index: usize,
    state: &'p State<'p>,
    place: &'p Place<'p>,
    node: &'p Node,
}

impl Part<'_> {
    fn members(&self) -> &[Member] {
        self.node.as_object().unwrap_or_default()
    }

    /// Checks a value as of the Map's language.
    fn shape(&self, context: &mut Context<'_>, member: &Member, shape: Shape) {
        shapes::check(
            context,
            self.index,
            &self.place.member(member),
            &member.value,
            shape,
            Slot::Input,
        );
    }

    /// Reports a field the Map's language does not have; false if it has it.
    fn is_other_language(&self, context: &mut Context<'_>, member: &Member, only: QueryLanguage) -> bool {
        let wrong = self.state.language.is != only;
        if wrong && self.state.language.certain {
            context.add(wrong_language(self.place, member, only, StateType::Map));
        }
        wrong
    }

    fn at_most_one(&self, context: &mut Context<'_>, group: &[&str]) {
        if group.iter().filter(|key| self.node.member(key).is_some()).count() > 1 {
            let message = format!(
                "There should only be one of the following fields: [{}]",
                group.join(", ")
            );
            context.schema(self.place, message);
        }
    }
}

fn processor(context: &mut Context<'_>, part: &Part<'_>) {
    let Some(member) = part.node.member("ProcessorConfig") else {
        return;
    };
    let place = part.place.member(member);
    let config = &member.value;
    let Some(members) = config.as_object() else {
        shapes::wrong_type(context, &place, config, "Object");
        return;
    };
    let mode = config.get("Mode").and_then(Node::as_str).unwrap_or("INLINE");
    for member in members {
        let at = place.member(member);
        match &*member.key {
            "Mode" => shapes::word(context, &at, &member.value, &["INLINE", "DISTRIBUTED"]),
            "ExecutionType" if mode == "INLINE" => {
                let finding = unsupported(&place, member, "ExecutionType", []);
                context.add(finding.help("Only the mode DISTRIBUTED runs child executions."));
            }
            "ExecutionType" => shapes::word(context, &at, &member.value, &["STANDARD", "EXPRESS"]),
            key => context.add(unsupported(&place, member, key, ["Mode", "ExecutionType"])),
        }
    }
    if mode == "DISTRIBUTED" {
        required(context, config, &place, &["ExecutionType"]);
        if context.options.kind == MachineKind::Express {
            let at = config.member("Mode").map_or(place, |member| place.member(member));
            let message =
                "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines";
            context
                .add(Finding::schema(&at, message).help("Use the mode INLINE, or a STANDARD state machine."));
        }
    }
}

const READER_FIELDS: &[&str] = &["Resource", "ReaderConfig", "Parameters", "Arguments"];

fn reader(context: &mut Context<'_>, part: &Part<'_>) {
    for member in part.members() {
        match &*member.key {
            "Resource" => {
                let actions = ["getObject", "listObjectsV2"];
                s3_resource(context, &part.place.member(member), &member.value, &actions);
            }
            "ReaderConfig" => {
                let place = part.place.member(member);
                if member.value.as_object().is_none() {
                    shapes::wrong_type(context, &place, &member.value, "Object");
                } else {
                    reader_config(
                        context,
                        &Part {
                            place: &place,
                            node: &member.value,
                            ..*part
                        },
                    );
                }
            }
            "Parameters" => {
                if !part.is_other_language(context, member, QueryLanguage::JsonPath) {
                    part.shape(context, member, Shape::ObjectTemplate);
                }
            }
            "Arguments" => {
                if !part.is_other_language(context, member, QueryLanguage::Jsonata) {
                    part.shape(context, member, Shape::ObjectTemplate);
                }
            }
            key => context.add(unsupported(
                part.place,
                member,
                key,
                READER_FIELDS.iter().copied(),
            )),
        }
    }
    required(context, part.node, part.place, &["Resource"]);
}

const READER_CONFIG_FIELDS: &[&str] = &[
    "InputType",
    "Transformation",
    "CSVHeaderLocation",
    "CSVHeaders",
    "CSVDelimiter",
    "MaxItems",
    "MaxItemsPath",
    "ItemsPointer",
    "ManifestType",
];

fn reader_config(context: &mut Context<'_>, part: &Part<'_>) {
    let input = part.node.get("InputType").and_then(Node::as_str);
    let is_csv = |context: &mut Context<'_>, member: &Member| {
        let other = matches!(input, Some("JSON" | "JSONL" | "PARQUET"));
        if other {
            let finding = unsupported(part.place, member, &member.key, []);
            context.add(finding.help(format!("{} is for the InputType CSV.", member.key)));
        }
        !other
    };
    for member in part.members() {
        let at = part.place.member(member);
        let node = &member.value;
        match &*member.key {
            "InputType" => shapes::word(
                context,
                &at,
                node,
                &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"],
            ),
            "Transformation" => shapes::word(context, &at, node, &["NONE", "LOAD_AND_FLATTEN"]),
            "ManifestType" => shapes::word(context, &at, node, &["ATHENA_DATA", "S3_INVENTORY"]),
            "CSVHeaderLocation" => {
                if is_csv(context, member) {
                    shapes::word(context, &at, node, &["FIRST_ROW", "GIVEN"]);
                }
            }
            "CSVHeaders" => {
                if is_csv(context, member) {
                    csv_headers(context, &at, node);
                }
            }
            "CSVDelimiter" => {
                shapes::word(
                    context,
                    &at,
                    node,
                    &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"],
                );
            }
            "MaxItems" => part.shape(context, member, COUNT),
            "MaxItemsPath" => {
                if !part.is_other_language(context, member, QueryLanguage::JsonPath) {
                    part.shape(context, member, READ);
                }
            }
            "ItemsPointer" => shapes::text(context, &at, node),
            key => context.add(unsupported(
                part.place,
                member,
                key,
                READER_CONFIG_FIELDS.iter().copied(),
            )),
        }
    }
    if input == Some("CSV") && part.node.member("CSVHeaderLocation").is_none() {
        let finding = Finding::schema(part.place, "The field 'CSVHeaderLocation' is required");
        context
            .add(finding.help("Add \"CSVHeaderLocation\": \"FIRST_ROW\", or \"GIVEN\" with \"CSVHeaders\"."));
    }
    if part.node.get("CSVHeaderLocation").and_then(Node::as_str) == Some("GIVEN") {
        required(context, part.node, part.place, &["CSVHeaders"]);
    }
    part.at_most_one(context, &["MaxItems", "MaxItemsPath"]);
}

fn csv_headers(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    // A text alone is taken at definition time, too.
    if node.as_str().is_some() {
        return;
    }
    shapes::array(context, place, node, true);
    for (index, header) in node.as_array().unwrap_or_default().iter().enumerate() {
        shapes::text(context, &place.element(index, header), header);
    }
}

const BATCHER_FIELDS: &[&str] = &[
    "BatchInput",
    "MaxItemsPerBatch",
    "MaxItemsPerBatchPath",
    "MaxInputBytesPerBatch",
    "MaxInputBytesPerBatchPath",
];

fn batcher(context: &mut Context<'_>, part: &Part<'_>) {
    for member in part.members() {
        match &*member.key {
            "BatchInput" => part.shape(context, member, Shape::Template),
            "MaxItemsPerBatch" | "MaxInputBytesPerBatch" => part.shape(context, member, POSITIVE),
            "MaxItemsPerBatchPath" | "MaxInputBytesPerBatchPath" => {
                if !part.is_other_language(context, member, QueryLanguage::JsonPath) {
                    part.shape(context, member, READ);
                }
            }
            key => context.add(unsupported(
                part.place,
                member,
                key,
                BATCHER_FIELDS.iter().copied(),
            )),
        }
    }
    part.at_most_one(context, &["MaxItemsPerBatch", "MaxItemsPerBatchPath"]);
    part.at_most_one(context, &["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"]);
    if part.node.as_object().is_some_and(<[Member]>::is_empty) {
        context.schema(part.place, "Value cannot be empty");
    }
}

const WRITER_FIELDS: &[&str] = &["Resource", "WriterConfig", "Parameters", "Arguments"];

fn writer(context: &mut Context<'_>, part: &Part<'_>) {
    if part.members().is_empty() {
        let finding = Finding::schema(part.place, "Value cannot be empty");
        context.add(finding.help("Name a Resource to write to, or a WriterConfig."));
        return;
    }
    let jsonata = part.state.is_jsonata();
    for member in part.members() {
        match &*member.key {
            "Resource" => s3_resource(context, &part.place.member(member), &member.value, &["putObject"]),
            "WriterConfig" => writer_config(context, part, member),
            // AWS names the field itself here, not the object around it.
            "Parameters" if jsonata => wrong_writer_field(context, part, member, QueryLanguage::JsonPath),
            "Arguments" if !jsonata => wrong_writer_field(context, part, member, QueryLanguage::Jsonata),
            "Parameters" | "Arguments" => part.shape(context, member, Shape::ObjectTemplate),
            key => context.add(unsupported(
                part.place,
                member,
                key,
                WRITER_FIELDS.iter().copied(),
            )),
        }
    }
    let has_target = part.node.member("Parameters").is_some() || part.node.member("Arguments").is_some();
    if part.node.member("Resource").is_some() && !has_target {
        required(
            context,
            part.node,
            part.place,
            &[if jsonata { "Arguments" } else { "Parameters" }],
        );
    } else if part.node.member("Resource").is_none() && has_target {
        required(context, part.node, part.place, &["Resource"]);
    }
}

fn wrong_writer_field(context: &mut Context<'_>, part: &Part<'_>, member: &Member, only: QueryLanguage) {
    if part.state.language.certain {
        let finding = wrong_language(part.place, member, only, StateType::Map);
        context.add(finding.at_location(part.place.member(member).location()));
    }
}

fn writer_config(context: &mut Context<'_>, part: &Part<'_>, member: &Member) {
    let place = part.place.member(member);
    let Some(members) = member.value.as_object() else {
        shapes::wrong_type(context, &place, &member.value, "Object");
        return;
    };
    for member in members {
        let at = place.member(member);
        match &*member.key {
            "Transformation" => shapes::word(context, &at, &member.value, &["NONE", "COMPACT", "FLATTEN"]),
            "OutputType" => shapes::word(context, &at, &member.value, &["JSON", "JSONL"]),
            key => context.add(unsupported(&place, member, key, ["Transformation", "OutputType"])),
        }
    }
    required(context, &member.value, &place, &["Transformation", "OutputType"]);
}

/// The reader reads from S3 and the writer writes there, by nothing else than these actions.
fn s3_resource(context: &mut Context<'_>, place: &Place<'_>, node: &Node, actions: &[&str]) {
    let Some(text) = node.as_str() else {
        shapes::wrong_type(context, place, node, "String");
        return;
    };
    let fits = match ResourceText::of(text) {
        ResourceText::Unknown => true,
        ResourceText::Integration {
            service: "s3",
            action,
            pattern: "",
        } => actions.contains(&action),
        _ => has_substitution(text),
    };
    if !fits {
        let allowed: Vec<String> = actions
            .iter()
            .map(|action| format!("arn:aws:states:::s3:{action}"))
            .collect();
        let finding = Finding::schema(
            place,
            "The field 'Resource' does not match any of the allowed values",
        );
        context.add(finding.help(format!("Use {}.", allowed.join(" or "))));
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, finds_express, machine, passes};

    const DISTRIBUTED: &str = r#""ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},"#;

    fn map(config: &str, fields: &str) -> String {
        let scope = r#""StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}"#;
        let states =
            format!(r#""M": {{"Type": "Map", "ItemProcessor": {{{config} {scope}}}, {fields} "End": true}}"#);
        machine("", &states)
    }

    #[test]
    fn the_distributed_mode_names_an_execution_type_and_the_inline_mode_none() {
        passes(&map(DISTRIBUTED, ""));
        passes(&map("", ""));
        finds(
            &map(r#""ProcessorConfig": {"Mode": "DISTRIBUTED"},"#, ""),
            "SCHEMA_VALIDATION_FAILED: These fields are required: [ExecutionType] at \
             /States/M/ItemProcessor/ProcessorConfig",
        );
        finds(
            &map(
                r#""ProcessorConfig": {"Mode": "INLINE", "ExecutionType": "STANDARD"},"#,
                "",
            ),
            "SCHEMA_VALIDATION_FAILED: Field 'ExecutionType' is not supported at \
             /States/M/ItemProcessor/ProcessorConfig",
        );
        finds_express(
            &map(DISTRIBUTED, ""),
            "SCHEMA_VALIDATION_FAILED: The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' \
             state machines at /States/M/ItemProcessor/ProcessorConfig/Mode",
        );
    }

    #[test]
    fn a_reader_reads_from_s3_and_knows_the_headers_of_a_csv() {
        let reader = |fields: &str| map(DISTRIBUTED, &format!(r#""ItemReader": {{{fields}}},"#));
        let get = r#""Resource": "arn:aws:states:::s3:getObject""#;
        passes(&reader(&format!(
            r#"{get}, "ReaderConfig": {{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}}"#
        )));
        for (fields, message) in [
            (
                r#""Resource": "arn:aws:states:::s3:putObject""#.to_owned(),
                "The field 'Resource' does not match any of the allowed values at /States/M/ItemReader/Resource",
            ),
            (
                format!(r#"{get}, "ReaderConfig": {{"InputType": "CSV"}}"#),
                "The field 'CSVHeaderLocation' is required at /States/M/ItemReader/ReaderConfig",
            ),
            (
                format!(r#"{get}, "ReaderConfig": {{"InputType": "CSV", "CSVHeaderLocation": "GIVEN"}}"#),
                "These fields are required: [CSVHeaders] at /States/M/ItemReader/ReaderConfig",
            ),
            (
                format!(r#"{get}, "ReaderConfig": {{"InputType": "TSV"}}"#),
                "Value should be one of the following: [CSV, JSON, JSONL, PARQUET, MANIFEST] at",
            ),
        ] {
            finds(&reader(&fields), &format!("SCHEMA_VALIDATION_FAILED: {message}"));
        }
    }

    #[test]
    fn a_writer_has_a_target_or_a_whole_config() {
        let writer = |fields: &str| map(DISTRIBUTED, &format!(r#""ResultWriter": {{{fields}}},"#));
        let put = r#""Resource": "arn:aws:states:::s3:putObject""#;
        passes(&writer(&format!(r#"{put}, "Parameters": {{"Bucket": "b"}}"#)));
        passes(&writer(
            r#""WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"}"#,
        ));
        for (fields, message) in [
            (String::new(), "Value cannot be empty at /States/M/ResultWriter"),
            (
                put.to_owned(),
                "These fields are required: [Parameters] at /States/M/ResultWriter",
            ),
            (
                r#""WriterConfig": {"OutputType": "JSON"}"#.to_owned(),
                "These fields are required: [Transformation] at /States/M/ResultWriter/WriterConfig",
            ),
        ] {
            finds(&writer(&fields), &format!("SCHEMA_VALIDATION_FAILED: {message}"));
        }
    }
}
