//! `--fix`: the diagnostics' fixes applied to the file's text, which keeps its layout, its order and its comments.
//!
//! JSON is edited in place. So is YAML, where it can be done surely: after each edit the text must read as the patched value, else the
//! fix is left to the author.

use asl::fixes::{self, Applied};
use asl::{Confidence, PatchOperation};
use similar::TextDiff;

use super::check::{Look, options};
use super::document::{Language, Mendable, read};
use super::{edit_yaml, yaml};

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
        for (index, found) in read(&mended.text, language).found.iter().enumerate() {
            let offered = asl::diagnose(&found.text, &options(look, found)).diagnostics;
            let mut now = offered.clone();
            for diagnostic in fixes::select(&offered, least) {
                let Some(fix) = &diagnostic.fix else { continue };
                let fixed = apply(&mended.text, &found.mend, &fix.patch).and_then(|text| {
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

/// The file's text with a patch of the definition in it applied.
fn apply(text: &str, mend: &Mendable, patch: &[PatchOperation]) -> Result<String, String> {
    match mend {
        Mendable::No(why) => Err((*why).to_owned()),
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

    #[test]
    fn what_stands_in_a_string_is_left_with_its_reason() {
        let template = "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      DefinitionString: '{\"StartAt\": \"A\", \"States\": {\"A\": {\"type\": \"Pass\", \"End\": true}}}'\n";
        let mended = mended(template, Language::Yaml);
        assert_eq!(mended.text, template);
        assert!(mended.left[0].contains("string of the template"), "{mended:?}");
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
