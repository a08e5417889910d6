//! `ItemReader`: lists and objects of S3, and what each kind of input takes.

use super::{Part, READ, s3_resource};
use crate::checks::context::{Context, Finding};
use crate::checks::fields::{required, unsupported};
use crate::checks::mends::Mend;
use crate::checks::shapes;
use crate::json::spanned::{Member, Node};
use crate::syntax::QueryLanguage;
use crate::syntax::fields::Shape;
use crate::syntax::place::Place;

/// A count without a bound of its own.
const COUNT: Shape = Shape::Integer {
    min: 0,
    max: i64::MAX,
    evaluated: true,
};

const FIELDS: &[&str] = &["Resource", "ReaderConfig", "Parameters", "Arguments"];

pub(super) fn check(context: &mut Context<'_>, part: &Part<'_>) {
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
                    config(
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
            _ => context.add(unsupported(part.place, part.node, member, FIELDS.iter().copied())),
        }
    }
    required(context, part.node, part.place, &["Resource"]);
}

const CONFIG_FIELDS: &[&str] = &[
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

fn config(context: &mut Context<'_>, part: &Part<'_>) {
    let input = part.node.get("InputType").and_then(Node::as_str);
    let is_csv = |context: &mut Context<'_>, member: &Member| {
        let other = matches!(input, Some("JSON" | "JSONL" | "PARQUET"));
        if other {
            let finding = unsupported(part.place, part.node, member, []);
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
            _ => context.add(unsupported(
                part.place,
                part.node,
                member,
                CONFIG_FIELDS.iter().copied(),
            )),
        }
    }
    if input == Some("CSV") && part.node.member("CSVHeaderLocation").is_none() {
        let finding = Finding::schema(part.place, "The field 'CSVHeaderLocation' is required");
        let given = part.node.member("CSVHeaders").is_some();
        let word = if given { "GIVEN" } else { "FIRST_ROW" };
        let mend = Mend::likely(format!("Add \"CSVHeaderLocation\": \"{word}\""));
        context.add(
            finding
                .help("Add \"CSVHeaderLocation\": \"FIRST_ROW\", or \"GIVEN\" with \"CSVHeaders\".")
                .mend(mend.add(part.node, "CSVHeaderLocation", word)),
        );
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

#[cfg(test)]
mod tests {
    use crate::checks::maps::tests::{DISTRIBUTED, map};
    use crate::checks::tests::{finds, passes};

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
}
