//! Definitions inside CloudFormation and SAM templates: where they stand, and what their intrinsic functions leave of them.
//!
//! What only a deployment knows (`!Ref`, `!GetAtt`, an import) becomes a substitution, `${Name}`, which the checks take for any value.

use asl::json::spanned::{LineIndex, Member, Node, NodeValue, Span};

use serde_json::Value;
use signalbox_engine::limits::NAME_CHARS_MAX;
use signalbox_engine::machines::rules::name_is_valid;

use super::document::{Fault, Found, Mendable, Read, Reference};
use super::origin::{Embedded, Letter, Origin, Piece, json_of, letters};

const SERVERLESS: &str = "AWS::Serverless::StateMachine";
const STEP_FUNCTIONS: &str = "AWS::StepFunctions::StateMachine";

/// The members of `Resources`, if this is a template.
pub(super) fn resources(root: &Node) -> Option<&[Member]> {
    if root.get("States").is_some() {
        return None;
    }
    root.get("Resources")?.as_object()
}

/// Every definition of a template's state machines. `mend` says how the file can be changed below a pointer.
pub(super) fn read(text: &str, resources: &[Member], mend: impl Fn(String) -> Mendable) -> Read {
    let lines = LineIndex::new(text);
    let mut read = Read::default();
    for resource in resources {
        let (kind, called) = match resource.value.get("Type").and_then(Node::as_str) {
            Some(SERVERLESS) => ("Type", "Name"),
            Some(STEP_FUNCTIONS) => ("StateMachineType", "StateMachineName"),
            _ => continue,
        };
        let name = resource.key.to_string();
        let Some(properties) = resource.value.get("Properties") else {
            continue;
        };
        let kind = properties.get(kind).and_then(Node::as_str).and_then(machine_kind);
        let property = |name: &str| properties.get(name);
        if let Some((code, message, span)) = property(called).and_then(name_fault) {
            read.faults.push(Fault {
                machine: name.clone(),
                code,
                message,
                span,
            });
        }
        if let Some(definition) = property("Definition").filter(|node| node.as_object().is_some()) {
            let (json, origin) = json_of(&resolved(definition), &lines);
            let pointer = format!(
                "/Resources/{}/Properties/Definition",
                name.replace('~', "~0").replace('/', "~1")
            );
            read.found.push(Found {
                machine: Some(name),
                kind,
                text: json,
                origin,
                mend: mend(pointer),
            });
        } else if let Some(definition) = property("DefinitionString") {
            let mut builder = Builder::default();
            builder.flatten(text, definition);
            read.found.push(Found {
                machine: Some(name),
                kind,
                text: builder.json,
                origin: Origin::Letters(builder.embedded),
                mend: Mendable::Letters,
            });
        } else if let Some(uri) = property("DefinitionUri") {
            match uri.as_str().filter(|path| !path.contains("://")) {
                Some(path) => read.references.push(Reference {
                    machine: name,
                    path: path.to_owned(),
                    kind,
                    span: uri.span,
                }),
                None => read.elsewhere.push(name),
            }
        } else if property("DefinitionS3Location").is_some() {
            read.elsewhere.push(name);
        }
    }
    read
}

/// What is wrong with a state machine's name, where the template says it in full.
fn name_fault(node: &Node) -> Option<(&'static str, String, Span)> {
    let name = node
        .as_str()
        .filter(|name| !asl::syntax::has_substitution(name))?;
    let chars = name.chars().count();
    let (code, message) = if name.is_empty() {
        (
            "STATE_MACHINE_NAME_EMPTY",
            "The state machine's name is empty".to_owned(),
        )
    } else if chars > NAME_CHARS_MAX {
        (
            "STATE_MACHINE_NAME_TOO_LONG",
            format!("The state machine's name has {chars} characters; the limit is {NAME_CHARS_MAX}"),
        )
    } else if !name_is_valid(name) {
        (
            "STATE_MACHINE_NAME_INVALID",
            format!(
                "A state machine's name takes no blanks and none of <>{{}}[]?*\"#%\\^|~`$&,;:/, as '{name}' has"
            ),
        )
    } else {
        return None;
    };
    Some((code, message, node.span))
}

fn machine_kind(text: &str) -> Option<asl::MachineKind> {
    if text.eq_ignore_ascii_case("EXPRESS") {
        Some(asl::MachineKind::Express)
    } else if text.eq_ignore_ascii_case("STANDARD") {
        Some(asl::MachineKind::Standard)
    } else {
        None
    }
}

/// How many strings of two templates differ; `None` where anything else does.
pub(super) fn differences(before: &Value, after: &Value) -> Option<usize> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) if before.len() == after.len() => before
            .iter()
            .zip(after)
            .map(|((key, before), (other, after))| (key == other).then(|| differences(before, after))?)
            .sum(),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => before
            .iter()
            .zip(after)
            .map(|(before, after)| differences(before, after))
            .sum(),
        (Value::String(before), Value::String(after)) => Some(usize::from(before != after)),
        (before, after) => (before == after).then_some(0),
    }
}

/// The tree with a substitution for each intrinsic function.
fn resolved(node: &Node) -> Node {
    if let Some(substitution) = substitution(node) {
        return Node {
            span: node.span,
            value: NodeValue::String(substitution.into()),
        };
    }
    let value = match &node.value {
        NodeValue::Array(nodes) => NodeValue::Array(nodes.iter().map(resolved).collect()),
        NodeValue::Object(members) => NodeValue::Object(
            members
                .iter()
                .map(|member| Member {
                    key: member.key.clone(),
                    key_span: member.key_span,
                    value: resolved(&member.value),
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node {
        span: node.span,
        value,
    }
}

/// Name and argument of an intrinsic function: an object of one member with such a name.
fn intrinsic(node: &Node) -> Option<(&str, &Node)> {
    match node.as_object()? {
        [member] if &*member.key == "Ref" || member.key.starts_with("Fn::") => {
            Some((&member.key, &member.value))
        }
        _ => None,
    }
}

/// What an intrinsic function leaves of a value inside a definition.
fn substitution(node: &Node) -> Option<String> {
    let (function, argument) = intrinsic(node)?;
    Some(match function {
        "Fn::Sub" => template_of(argument)?.as_str()?.replace("${!", "${"),
        "Fn::Join" => {
            let mut builder = Builder::default();
            builder.flatten("", node);
            builder.plain
        }
        "Ref" => format!("${{{}}}", argument.as_str().unwrap_or("Ref")),
        "Fn::GetAtt" => format!("${{{}}}", attribute(argument)),
        other => format!("${{{}}}", other.trim_start_matches("Fn::")),
    })
}

/// The text of `Fn::Sub`, which may come with a map of its variables.
fn template_of(argument: &Node) -> Option<&Node> {
    match argument.as_array() {
        Some(parts) => parts.first(),
        None => Some(argument),
    }
}

fn attribute(argument: &Node) -> String {
    match argument.as_array() {
        Some(parts) => {
            let parts: Vec<&str> = parts.iter().filter_map(Node::as_str).collect();
            parts.join(".")
        }
        None => argument.as_str().unwrap_or("GetAtt").to_owned(),
    }
}

/// A definition's text put together from strings of the template.
#[derive(Default)]
struct Builder {
    /// As JSON: a substitution outside of a string is one.
    json: String,
    /// As it was put together.
    plain: String,
    embedded: Embedded,
    in_string: bool,
    escaped: bool,
    in_substitution: bool,
}

/// A character's place in the file, and the string that it is a character of.
type Source = (Span, Option<usize>);

impl Builder {
    fn flatten(&mut self, text: &str, node: &Node) {
        if node.as_str().is_some() {
            let (found, piece) = self.letters_of(text, node, false);
            for (c, written) in found {
                self.push(c, (written, piece));
            }
            return;
        }
        match intrinsic(node) {
            Some(("Fn::Sub", argument)) => {
                if let Some(template) = template_of(argument) {
                    let (found, piece) = self.letters_of(text, template, true);
                    let mut before = ('\0', '\0');
                    for (c, written) in found {
                        // `${!Name}` is how Fn::Sub writes `${Name}`.
                        if !(c == '!' && before == ('$', '{')) {
                            self.push(c, (written, piece));
                        }
                        before = (before.1, c);
                    }
                }
            }
            Some(("Fn::Join", argument)) => self.join(text, argument),
            Some(_) => {
                let text = substitution(node).unwrap_or_default();
                self.push_all(&text, node.span);
            }
            // An object or a number where a string belongs: as it is.
            None => self.push_all(&super::yaml::to_value(node).to_string(), node.span),
        }
    }

    fn join(&mut self, text: &str, argument: &Node) {
        let Some([delimiter, parts]) = argument.as_array() else {
            return;
        };
        let between = delimiter.as_str().unwrap_or_default();
        for (index, part) in parts.as_array().unwrap_or_default().iter().enumerate() {
            if index > 0 {
                self.push_all(between, delimiter.span);
            }
            self.flatten(text, part);
        }
    }

    /// The characters of a string, which is one piece of the text if it is known how it is written.
    fn letters_of(
        &mut self,
        text: &str,
        node: &Node,
        is_template: bool,
    ) -> (Vec<(char, Span)>, Option<usize>) {
        let (found, quoting) = letters(text, node);
        let piece = quoting.map(|quoting| {
            self.embedded.pieces.push(Piece { quoting, is_template });
            self.embedded.pieces.len() - 1
        });
        (found, piece)
    }

    fn push_all(&mut self, text: &str, stands_at: Span) {
        for c in text.chars() {
            self.push(c, (stands_at, None));
        }
    }

    fn push(&mut self, c: char, source: Source) {
        self.plain.push(c);
        if !self.in_string && c == '$' && !self.in_substitution {
            self.in_substitution = true;
            self.write('"', (source.0, None));
        }
        self.write(c, source);
        if self.in_substitution {
            if c == '}' {
                self.in_substitution = false;
                self.write('"', (source.0, None));
            }
            return;
        }
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.in_string => self.escaped = true,
            '"' => self.in_string = !self.in_string,
            _ => {}
        }
    }

    fn write(&mut self, c: char, (written, piece): Source) {
        self.embedded.letters.push(Letter {
            at: self.json.len(),
            written,
            piece,
        });
        self.json.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn found(text: &str) -> Read {
        let root = yaml::parse(text).unwrap();
        read(text, resources(&root).unwrap(), Mendable::Yaml)
    }

    #[test]
    fn an_inline_definition_keeps_its_lines_and_its_intrinsics_become_substitutions() {
        let text = "Resources:\n  Orders:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Type: EXPRESS\n      Definition:\n        StartAt: A\n        States:\n          A:\n            Type: Task\n            Resource: !GetAtt Work.Arn\n            End: true\n";
        let read = found(text);
        let machine = &read.found[0];
        assert_eq!(machine.machine.as_deref(), Some("Orders"));
        assert_eq!(machine.kind, Some(asl::MachineKind::Express));
        assert!(machine.text.contains("\"${Work.Arn}\""), "{}", machine.text);
        let at = machine.text.find("\"Resource\"").unwrap();
        assert_eq!(machine.text[..at].matches('\n').count() + 1, 11);
    }

    #[test]
    fn a_definition_in_a_string_leads_back_to_its_lines() {
        let text = "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      DefinitionString: !Sub |\n        {\"StartAt\": \"A\",\n         \"TimeoutSeconds\": ${Limit},\n         \"States\": {\"A\": {\"Type\": \"Pass\", \"Next\": \"${!B}\"}}}\n";
        let read = found(text);
        let machine = &read.found[0];
        let parsed: serde_json::Value = serde_json::from_str(&machine.text).unwrap();
        assert_eq!(parsed["TimeoutSeconds"], "${Limit}");
        assert_eq!(parsed["States"]["A"]["Next"], "${B}");
        let at = machine.text.find("\"Next\"").unwrap();
        let outer = machine.origin.locate(Span {
            start: at,
            end: at + 6,
        });
        assert_eq!(&text[outer.start..outer.end], "\"Next\"");
    }

    #[test]
    fn joined_strings_are_put_together() {
        let text = r#"{"Resources": {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString":
            {"Fn::Join": ["", ["{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"", {"Fn::GetAtt": ["F", "Arn"]}, "\",\"End\":true}}}"]]}}}}}"#;
        let root = asl::json::spanned::parse(text).unwrap();
        let read = read(text, resources(&root).unwrap(), Mendable::Json);
        let parsed: serde_json::Value = serde_json::from_str(&read.found[0].text).unwrap();
        assert_eq!(parsed["States"]["A"]["Resource"], "${F.Arn}");
        let at = read.found[0].text.find("\"Type\"").unwrap();
        let outer = read.found[0].origin.locate(Span {
            start: at,
            end: at + 6,
        });
        assert!(
            text[outer.start..].starts_with("\\\"Type\\\""),
            "{}",
            &text[outer.start..outer.start + 20]
        );
    }

    #[test]
    fn a_name_that_is_written_in_full_is_one_that_aws_takes() {
        let codes = |name: &str| {
            let text = format!(
                "Resources:\n  A:\n    Type: AWS::Serverless::StateMachine\n    Properties: {{Name: {name}, DefinitionUri: a.json}}\n  B:\n    Type: AWS::StepFunctions::StateMachine\n    Properties: {{StateMachineName: {name}, DefinitionString: '{{}}'}}\n"
            );
            found(&text)
                .faults
                .iter()
                .map(|fault| fault.code)
                .collect::<Vec<_>>()
        };
        assert_eq!(codes("orders-1_a.b"), [""; 0]);
        assert_eq!(codes("!Sub '${Stage}-orders'"), [""; 0]);
        assert_eq!(codes("'two words'"), ["STATE_MACHINE_NAME_INVALID"; 2]);
        assert_eq!(codes("''"), ["STATE_MACHINE_NAME_EMPTY"; 2]);
        assert_eq!(codes(&"x".repeat(81)), ["STATE_MACHINE_NAME_TOO_LONG"; 2]);
    }

    #[test]
    fn a_definition_in_a_file_is_referred_to_and_one_elsewhere_is_named() {
        let text = "Resources:\n  A:\n    Type: AWS::Serverless::StateMachine\n    Properties: {DefinitionUri: workflows/a.asl.json, Type: STANDARD}\n  B:\n    Type: AWS::Serverless::StateMachine\n    Properties: {DefinitionUri: 's3://bucket/key'}\n  C:\n    Type: AWS::Lambda::Function\n";
        let read = found(text);
        assert_eq!(read.references[0].path, "workflows/a.asl.json");
        assert_eq!(read.elsewhere, ["B"]);
        assert!(read.found.is_empty());
    }
}
