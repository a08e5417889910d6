//! What only Maps have: the processor's mode, the reader, the batcher and the writer of the distributed mode.

mod reader;
mod writer;

use super::context::{Context, Finding};
use super::expressions::Slot;
use super::fields::{unsupported, wrong_language};
use super::mends::Mend;
use super::shapes;
use crate::eval::MachineKind;
use crate::json::spanned::{Member, Node};
use crate::suggest;
use crate::syntax::definition::State;
use crate::syntax::fields::Shape;
use crate::syntax::place::Place;
use crate::syntax::resource::ResourceText;
use crate::syntax::{QueryLanguage, StateType, has_substitution};

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
            "ItemReader" => reader::check(context, &part),
            "ItemBatcher" => batcher(context, &part),
            "ResultWriter" => writer::check(context, &part),
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
    // A mode that is no word, or a field that may be it, is one fault; what the mode asks for is none of its own.
    let known = |member: &Member| matches!(&*member.key, "Mode" | "ExecutionType");
    let mode = match config.get("Mode") {
        Some(mode) => mode.as_str(),
        None if members.iter().all(known) => Some("INLINE"),
        None => None,
    };
    for member in members {
        let at = place.member(member);
        match &*member.key {
            "Mode" => shapes::word(context, &at, &member.value, &["INLINE", "DISTRIBUTED"]),
            "ExecutionType" if mode == Some("INLINE") => {
                let finding = unsupported(&place, config, member, []);
                let mend = Mend::likely("Remove \"ExecutionType\"").remove(&member.value);
                context.add(
                    finding
                        .help("Only the mode DISTRIBUTED runs child executions.")
                        .mend(mend),
                );
            }
            "ExecutionType" => shapes::word(context, &at, &member.value, &["STANDARD", "EXPRESS"]),
            _ => context.add(unsupported(&place, config, member, ["Mode", "ExecutionType"])),
        }
    }
    if mode == Some("DISTRIBUTED") {
        execution_type(context, config, &place);
        if context.options.kind == MachineKind::Express {
            let at = config.member("Mode").map_or(place, |member| place.member(member));
            let message =
                "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines";
            context
                .add(Finding::schema(&at, message).help("Use the mode INLINE, or a STANDARD state machine."));
        }
    }
}

fn execution_type(context: &mut Context<'_>, config: &Node, place: &Place<'_>) {
    let slip = config.as_object().unwrap_or_default().iter().any(|member| {
        !matches!(&*member.key, "Mode" | "ExecutionType")
            && suggest::nearest(&member.key, ["ExecutionType"]).is_some()
    });
    if slip || config.member("ExecutionType").is_some() {
        return;
    }
    let finding = Finding::schema(place, "These fields are required: [ExecutionType]");
    let mend = Mend::likely("Run the items as STANDARD executions").add(config, "ExecutionType", "STANDARD");
    context.add(
        finding
            .help("STANDARD for items that take long or must run once; EXPRESS for up to five minutes each.")
            .mend(mend),
    );
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
            _ => context.add(unsupported(
                part.place,
                part.node,
                member,
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
        let meant = match allowed.as_slice() {
            [only] => Some(only.as_str()),
            several => suggest::nearest(text, several.iter().map(String::as_str)),
        };
        let mend = meant.map(|meant| Mend::likely(format!("Write {meant}")).replace(node, meant));
        context.add(
            finding
                .help(format!("Use {}.", allowed.join(" or ")))
                .maybe_mend(mend),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, finds_express, machine, mended, passes};

    pub(super) const DISTRIBUTED: &str =
        r#""ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},"#;

    pub(super) fn map(config: &str, fields: &str) -> String {
        let scope = r#""StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}"#;
        let states =
            format!(r#""M": {{"Type": "Map", "ItemProcessor": {{{config} {scope}}}, {fields} "End": true}}"#);
        machine("", &states)
    }

    #[test]
    fn what_was_meant_is_mended() {
        let config = |config: &str| {
            let after = mended(
                &map(&format!(r#""ProcessorConfig": {config},"#), ""),
                "SCHEMA_VALIDATION_FAILED",
            );
            after["States"]["M"]["ItemProcessor"]["ProcessorConfig"].to_string()
        };
        assert_eq!(
            config(r#"{"Mode": "DISTRIBUTED"}"#),
            r#"{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}"#
        );
        assert_eq!(
            config(r#"{"Mode": "DISTRIBUTED", "executionType": "EXPRESS"}"#),
            r#"{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"}"#
        );
        assert_eq!(config(r#"{"Mode": "inline"}"#), r#"{"Mode":"INLINE"}"#);
        assert_eq!(
            config(r#"{"mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}"#),
            r#"{"ExecutionType":"EXPRESS","Mode":"DISTRIBUTED"}"#
        );
        assert_eq!(
            config(r#"{"Mode": "INLINE", "ExecutionType": "EXPRESS"}"#),
            r#"{"Mode":"INLINE"}"#
        );
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
}
