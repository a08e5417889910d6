//! `--fix`: the diagnostics' fixes applied to the file's text, which keeps its layout, its order and its comments.
//!
//! JSON is edited in place. So are YAML and the strings of templates, where it can be done surely: after each edit the file must read as
//! the patched value and else as before, otherwise the fix is left to the author.

use asl::fixes::{self, Applied};
use asl::{Confidence, PatchOperation};
use similar::TextDiff;

use super::check::{Look, options};
use super::document::{Found, Language, Mendable, read};
use super::{cloudformation, edit_letters, edit_yaml, yaml};

/// Rounds of fixing and reading again; few files need more than two.
const ROUNDS_MAX: usize = 20;

/// A file after its fixes.
#[derive(Debug)]
pub(super) struct Mended {
    pub(super) text: String,
    pub(super) applied: Vec<Applied>,
    /// What could be done, but not by a machine: why.
    pub(super) left: Vec<String>,
}

/// Applies what is offered and at least this sure.
pub(super) fn mend(text: &str, language: Language, look: &Look, least: Confidence) -> Mended {
    let mut mended = Mended {
        text: text.to_owned(),
        applied: Vec::new(),
        left: Vec::new(),
    };
    for _ in 0..ROUNDS_MAX {
        let before = mended.applied.len();
        mended.left.clear();
        for (index, found) in read(&mended.text, language).found.into_iter().enumerate() {
            let offered = asl::diagnose(&found.text, &options(look, &found)).diagnostics;
            let mut now = offered.clone();
            for diagnostic in fixes::select(&offered, least) {
                let Some(fix) = &diagnostic.fix else { continue };
                let fixed = apply(&mended.text, language, index, &fix.patch).and_then(|text| {
                    let then = said(&text, language, look, index);
                    if fixes::helps(diagnostic, &now, &then) {
                        Ok((text, then))
                    } else {
                        Err("it would break something else".to_owned())
                    }
                });
                match fixed {
                    Ok((text, then)) => {
                        now = then;
                        mended.text = text;
                        mended.applied.extend(Applied::of(diagnostic));
                    }
                    Err(why) => mended.left.push(format!("{}: {why}", fix.title)),
                }
            }
        }
        if mended.applied.len() == before {
            break;
        }
    }
    mended
}

/// What there is to say about the definition of this number in a file.
fn said(text: &str, language: Language, look: &Look, index: usize) -> Vec<asl::Diagnostic> {
    let read = read(text, language);
    let found = read.found.get(index);
    found.map_or_else(Vec::new, |found| {
        asl::diagnose(&found.text, &options(look, found)).diagnostics
    })
}

/// The file's text with a patch of the definition of this number in it applied.
fn apply(text: &str, language: Language, index: usize, patch: &[PatchOperation]) -> Result<String, String> {
    let mut found = read(text, language).found;
    if index >= found.len() {
        return Err("it is not there any more".to_owned());
    }
    let found = found.swap_remove(index);
    match &found.mend {
        Mendable::Letters => in_letters(text, language, index, &found, patch),
        Mendable::Json(pointer) => {
            fixes::edit(text, &below(pointer, patch)).map_err(|error| error.to_string())
        }
        Mendable::Yaml(pointer) => {
            let patch = below(pointer, patch);
            let unsure = || "it can't be done surely in this YAML".to_owned();
            let edited = edit_yaml::edit(text, &patch).ok_or_else(unsure)?;
            let before = yaml::parse(text).map_err(|error| error.to_string())?;
            let mut wanted = yaml::to_value(&before);
            let patch = serde_json::to_value(&patch)
                .and_then(serde_json::from_value::<json_patch::Patch>)
                .map_err(|error| error.to_string())?;
            json_patch::patch(&mut wanted, &patch).map_err(|error| error.to_string())?;
            let got = yaml::parse(&edited).map(|root| yaml::to_value(&root));
            if got.is_ok_and(|got| got == wanted) {
                Ok(edited)
            } else {
                Err(unsure())
            }
        }
    }
}

/// The file's text with a patch applied to a definition that stands in strings of it.
fn in_letters(
    text: &str,
    language: Language,
    index: usize,
    found: &Found,
    patch: &[PatchOperation],
) -> Result<String, String> {
    let unsure = || "it can't be done surely in the template's string".to_owned();
    let wanted = fixes::edit(&found.text, patch).map_err(|error| error.to_string())?;
    let edited = edit_letters::edit(text, found, &wanted).ok_or_else(unsure)?;
    let after = read(&edited, language).found;
    let reads_as_wanted = after.get(index).is_some_and(|found| found.text == wanted);
    let only_there = value_of(text, language)
        .zip(value_of(&edited, language))
        .is_some_and(|(before, after)| cloudformation::differences(&before, &after) == Some(1));
    if reads_as_wanted && only_there {
        Ok(edited)
    } else {
        Err(unsure())
    }
}

fn value_of(text: &str, language: Language) -> Option<serde_json::Value> {
    match language {
        Language::Json => serde_json::from_str(text).ok(),
        Language::Yaml => yaml::parse(text).ok().map(|root| yaml::to_value(&root)),
    }
}

/// A patch of a definition as one of the file that it is in.
fn below(pointer: &str, patch: &[PatchOperation]) -> Vec<PatchOperation> {
    let at = |path: &String| format!("{pointer}{path}");
    patch
        .iter()
        .map(|operation| match operation {
            PatchOperation::Add { path, value } => PatchOperation::Add {
                path: at(path),
                value: value.clone(),
            },
            PatchOperation::Remove { path } => PatchOperation::Remove { path: at(path) },
            PatchOperation::Replace { path, value } => PatchOperation::Replace {
                path: at(path),
                value: value.clone(),
            },
            PatchOperation::Move { from, path } => PatchOperation::Move {
                from: at(from),
                path: at(path),
            },
        })
        .collect()
}

/// What would change, as `diff -u` writes it.
pub(super) fn diff(name: &str, before: &str, after: &str) -> String {
    let name = name.trim_start_matches('/');
    TextDiff::from_lines(before, after)
        .unified_diff()
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::policies::RuleSet;

    fn mended(text: &str, language: Language) -> Mended {
        let look = Look {
            kind: asl::MachineKind::Standard,
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            set: RuleSet::default(),
        };
        mend(text, language, &look, Confidence::Likely)
    }

    const YAML: &str = "# the order flow\nStartAt: A\nStates:\n  A:   # first\n    type: Task\n    Resource: arn:aws:states:::lambda:invoke\n    Parameters: {FunctionName: f}   # flow\n    Retry:\n      - ErrorEquals: [States.ALL]   # last, please\n        MaxAttempts: 2\n      - ErrorEquals:\n          - States.Timeout\n    End: true\n";

    #[test]
    fn yaml_keeps_its_comments_and_its_order() {
        let mended = mended(YAML, Language::Yaml);
        assert!(mended.left.is_empty(), "{mended:?}");
        assert!(!mended.applied.is_empty());
        for kept in [
            "# the order flow\n",
            "  A:   # first\n",
            "{FunctionName: f}   # flow\n",
            "[States.ALL]   # last, please\n",
        ] {
            assert!(mended.text.contains(kept), "{kept} in\n{}", mended.text);
        }
        assert!(mended.text.contains("    Type: Task\n"), "{}", mended.text);
        let root = yaml::to_value(&yaml::parse(&mended.text).unwrap());
        assert!(
            asl::diagnose(&root.to_string(), &asl::CheckOptions::default()).is_valid(),
            "{}",
            mended.text
        );
    }

    #[test]
    fn a_definition_in_a_template_is_mended_where_it_stands() {
        let indented = YAML.replace('\n', "\n        ");
        let template = format!(
            "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Role: !GetAtt R.Arn\n      Definition:\n        {indented}\n  Other:\n    Type: AWS::SNS::Topic\n"
        );
        let mended = mended(&template, Language::Yaml);
        assert!(mended.left.is_empty(), "{mended:?}");
        assert!(
            mended.text.contains("            Type: Task\n"),
            "{}",
            mended.text
        );
        assert!(
            mended.text.ends_with("  Other:\n    Type: AWS::SNS::Topic\n"),
            "{}",
            mended.text
        );
    }

    #[test]
    fn json_in_a_template_is_mended_where_it_stands() {
        let template = "{\n  \"Resources\": {\n    \"M\": {\"Type\": \"AWS::StepFunctions::StateMachine\", \"Properties\": {\n      \"Definition\": {\"StartAt\": \"A\", \"States\": {\"A\": {\"type\": \"Pass\", \"End\": true}}}}}\n  }\n}\n";
        assert_eq!(
            mended(template, Language::Json).text,
            template.replace("\"type\"", "\"Type\"")
        );
    }

    fn template(definition_string: &str) -> String {
        format!(
            "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      DefinitionString: {definition_string}\n      RoleArn: r # kept\n"
        )
    }

    #[test]
    fn a_definition_in_a_string_is_mended_where_it_stands() {
        let retry = r#"{"StartAt": "A", "States": {"A": {"type": "Task", "Resource": "${F}", "End": true,
            "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["It's"]}]}}}"#;
        let in_lines = |indent: &str| retry.replace('\n', &format!("\n{indent}"));
        for string in [
            format!("!Sub |\n        {}", in_lines("        ")),
            format!("|-\n          {}", in_lines("          ")),
            format!("'{}'", retry.replace('\'', "''").replace('\n', "")),
            serde_json::Value::from(retry).to_string(),
            format!("!Sub [{}, {{F: x}}]", serde_json::Value::from(retry)),
        ] {
            let before = template(&string);
            let mended = mended(&before, Language::Yaml);
            assert!(mended.left.is_empty(), "{mended:?}\nof {before}");
            let after = read(&mended.text, Language::Yaml).found;
            let said = asl::diagnose(&after[0].text, &asl::CheckOptions::default());
            assert!(said.is_valid(), "{said:?}\nof {}", mended.text);
            assert!(
                mended.text.ends_with("      RoleArn: r # kept\n"),
                "{}",
                mended.text
            );
            assert!(mended.text.contains("${F}"), "{}", mended.text);
        }
    }

    #[test]
    fn lines_are_added_with_the_indentation_of_the_block() {
        let definition = "|\n        {\n          \"StartAt\": \"A\",\n          \"States\": {\n            \"A\": {\n              \"Type\": \"Task\",\n              \"Resource\": \"arn:aws:states:::lambda:invoke\",\n              \"Parameters\": {\"FunctionName\": \"f\"},\n              \"End\": true\n            }\n          }\n        }";
        let mended = mended(&template(definition), Language::Yaml);
        assert!(mended.left.is_empty(), "{mended:?}");
        assert!(
            mended
                .text
                .contains("\n              \"End\": true,\n              \"Retry\": [\n                {\n"),
            "{}",
            mended.text
        );
    }

    #[test]
    fn strings_that_a_template_joins_are_mended_one_by_one() {
        let text = r#"{"Resources": {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString":
            {"Fn::Join": ["", ["{\"StartAt\":\"A\",\"States\":{\"A\":{\"type\":\"Task\",\"Resource\":\"", {"Fn::GetAtt": ["F", "Arn"]}, "\",\"end\":true}}}"]]}}}}}"#;
        let wanted = text.replace("type\\", "Type\\").replace("end\\", "End\\");
        assert_eq!(mended(text, Language::Json).text, wanted);
    }

    #[test]
    fn what_a_template_puts_together_is_left_with_its_reason() {
        let folded = ">\n        {\"StartAt\": \"A\",\n        \"States\": {\"A\": {\"type\": \"Pass\", \"End\": true}}}";
        let before = template(folded);
        let mended = mended(&before, Language::Yaml);
        assert_eq!(mended.text, before);
        assert!(mended.left[0].contains("the template's string"), "{mended:?}");
    }

    #[test]
    fn yaml_of_every_shape_is_mended() {
        let errors =
            "[{ErrorEquals: [A], Next: Z}, {ErrorEquals: [A], Next: Z}, {ErrorEquals: [B, A], Next: Z}]";
        for list in [
            errors.to_owned(),
            errors.replace(", ", ",\n        "),
            "\n    - ErrorEquals: [A]\n      Next: Z\n    - Next: Z\n      ErrorEquals: [A]\n    - ErrorEquals:\n      - B\n      - A\n      Next: Z".to_owned(),
        ] {
            let text = format!(
                "StartAt: S\nStates:\n  S:\n    Type: Task\n    Resource: arn:aws:states:::sqs:sendMessage\n    Parameters: {{QueueUrl: q, MessageBody: b}}\n    Catch: {list}\n    End: true\n  Z: {{Type: Succeed}}\n"
            );
            let mended = mended(&text, Language::Yaml);
            assert!(mended.left.is_empty(), "{mended:?}");
            let root = yaml::to_value(&yaml::parse(&mended.text).unwrap());
            assert_eq!(
                root["States"]["S"]["Catch"].to_string(),
                r#"[{"ErrorEquals":["A"],"Next":"Z","ResultPath":"$.error"},{"ErrorEquals":["B"],"Next":"Z","ResultPath":"$.error"}]"#,
                "{}",
                mended.text
            );
            assert!(mended.text.contains("    End: true\n  Z: {Type: Succeed}\n"), "{}", mended.text);
        }
    }

    #[test]
    fn the_last_of_a_list_leaves_an_empty_list() {
        let text = "StartAt: S\nStates:\n  S:\n    Type: Task\n    Resource: arn:aws:states:::sqs:sendMessage\n    Parameters: {QueueUrl: q, MessageBody: b}\n    Retry:\n    - ErrorEquals: [A]\n      MaxAttempts: 0\n    End: true\n";
        let mended = mended(text, Language::Yaml);
        assert!(mended.left.is_empty(), "{mended:?}");
        assert!(
            mended.text.contains("    Retry: []\n    End: true\n"),
            "{}",
            mended.text
        );
    }

    #[test]
    fn a_block_gives_way_to_another() {
        let text = "StartAt: S\nStates:\n  S:\n    Type: Task\n    Resource: arn:aws:states:::sqs:sendMessage\n    Retry:\n      ErrorEquals:\n      - States.ALL\n    Parameters: {QueueUrl: q, MessageBody: b}\n    End: true\n";
        let mended = mended(text, Language::Yaml);
        assert!(mended.left.is_empty(), "{mended:?}");
        let root = yaml::to_value(&yaml::parse(&mended.text).unwrap());
        assert!(root["States"]["S"]["Retry"].is_array(), "{}", mended.text);
        assert!(
            mended
                .text
                .contains("    Parameters: {QueueUrl: q, MessageBody: b}\n"),
            "{}",
            mended.text
        );
    }
}
