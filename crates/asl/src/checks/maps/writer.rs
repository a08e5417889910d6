//! `ResultWriter`: a place in S3, and how the results are written there.

use super::{Part, s3_resource};
use crate::checks::context::{Context, Finding};
use crate::checks::fields::{required, unsupported, wrong_language};
use crate::checks::shapes;
use crate::json::spanned::Member;
use crate::syntax::fields::Shape;
use crate::syntax::{QueryLanguage, StateType};

const FIELDS: &[&str] = &["Resource", "WriterConfig", "Parameters", "Arguments"];

pub(super) fn check(context: &mut Context<'_>, part: &Part<'_>) {
    if part.members().is_empty() {
        let finding = Finding::schema(part.place, "Value cannot be empty");
        context.add(finding.help("Name a Resource to write to, or a WriterConfig."));
        return;
    }
    let jsonata = part.state.is_jsonata();
    for member in part.members() {
        match &*member.key {
            "Resource" => s3_resource(context, &part.place.member(member), &member.value, &["putObject"]),
            "WriterConfig" => config(context, part, member),
            // AWS names the field itself here, not the object around it.
            "Parameters" if jsonata => wrong_field(context, part, member, QueryLanguage::JsonPath),
            "Arguments" if !jsonata => wrong_field(context, part, member, QueryLanguage::Jsonata),
            "Parameters" | "Arguments" => part.shape(context, member, Shape::ObjectTemplate),
            _ => context.add(unsupported(part.place, part.node, member, FIELDS.iter().copied())),
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

fn wrong_field(context: &mut Context<'_>, part: &Part<'_>, member: &Member, only: QueryLanguage) {
    if part.state.language.certain {
        let finding = wrong_language(part.place, member, only, StateType::Map);
        context.add(finding.at_place(&part.place.member(member)));
    }
}

fn config(context: &mut Context<'_>, part: &Part<'_>, member: &Member) {
    let place = part.place.member(member);
    let config = &member.value;
    let Some(members) = config.as_object() else {
        shapes::wrong_type(context, &place, config, "Object");
        return;
    };
    for member in members {
        let at = place.member(member);
        match &*member.key {
            "Transformation" => shapes::word(context, &at, &member.value, &["NONE", "COMPACT", "FLATTEN"]),
            "OutputType" => shapes::word(context, &at, &member.value, &["JSON", "JSONL"]),
            _ => context.add(unsupported(
                &place,
                config,
                member,
                ["Transformation", "OutputType"],
            )),
        }
    }
    required(context, config, &place, &["Transformation", "OutputType"]);
}

#[cfg(test)]
mod tests {
    use crate::checks::maps::tests::{DISTRIBUTED, map};
    use crate::checks::tests::{finds, passes};

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
