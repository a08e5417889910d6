//! Credentials written in the text: everybody who may read the definition, its history or its logs has them.

use crate::checks::context::{Context, Finding};
use crate::diagnostic::Code;
use crate::json::spanned::{Member, Node, NodeValue};
use crate::syntax::has_substitution;
use crate::syntax::place::Place;

/// Beginnings of well-known credentials, and the fewest characters one has.
/// Source: the patterns of public secret scanners (IAM key ids, GitHub, Slack, Stripe, Google).
const PREFIXES: &[(&str, usize)] = &[
    ("AKIA", 20),
    ("ghp_", 40),
    ("github_pat_", 40),
    ("xoxb-", 24),
    ("xoxp-", 24),
    ("sk_live_", 24),
    ("AIza", 39),
];

/// Where a private key begins.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// Keys, without `_` and `-` and in small letters, whose literal values are credentials.
const SECRET_KEYS: &[&str] = &[
    "accesstoken",
    "apikey",
    "apitoken",
    "authtoken",
    "clientsecret",
    "password",
    "passwd",
    "privatekey",
    "secretaccesskey",
    "secretkey",
];

/// Characters a value has at least to be taken for a credential.
const SECRET_CHARS_MIN: usize = 8;

/// Looks at what a state hands on: its parameters and values.
pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context.state(index) else { return };
    let place = state.place();
    for member in state.node().as_object().unwrap_or_default() {
        let holds_values = matches!(
            &*member.key,
            "Parameters" | "Arguments" | "Result" | "ItemSelector" | "Assign" | "Output" | "ResultSelector"
        );
        if holds_values {
            walk(context, &place.member(member), &member.value);
        }
    }
}

fn walk(context: &mut Context<'_>, place: &Place<'_>, node: &Node) {
    match &node.value {
        NodeValue::String(text) if is_credential(text) => found(context, place),
        NodeValue::Object(members) => {
            for member in members {
                let at = place.member(member);
                if names_a_secret(member) {
                    found(context, &at);
                } else {
                    walk(context, &at, &member.value);
                }
            }
        }
        NodeValue::Array(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                walk(context, &place.element(index, node), node);
            }
        }
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) | NodeValue::String(_) => {}
    }
}

fn found(context: &mut Context<'_>, place: &Place<'_>) {
    let message = "A credential is written in the definition";
    let help = "Read it where it is used, from Secrets Manager or an EventBridge connection, and make it anew: it has been seen.";
    context.add(Finding::new(Code::SecretInDefinition, place, message).help(help));
}

fn is_credential(text: &str) -> bool {
    let is_whole = |prefix: &str, chars: usize| {
        text.len() >= chars
            && text.starts_with(prefix)
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    PREFIXES.iter().any(|(prefix, chars)| is_whole(prefix, *chars))
        || (text.starts_with("-----BEGIN ") && text.contains(PRIVATE_KEY))
}

fn names_a_secret(member: &Member) -> bool {
    let Some(value) = member.value.as_str() else {
        return false;
    };
    if value.len() < SECRET_CHARS_MIN || !SECRET_KEYS.iter().any(|key| is_named(&member.key, key)) {
        return false;
    }
    let is_placeholder =
        value.starts_with(['$', '<', '{', '*']) || value.contains(' ') || has_substitution(value);
    let is_name_of_one = value.starts_with("arn:") || value.contains("resolve:") || value.starts_with('/');
    !is_placeholder && !is_name_of_one
}

/// Whether a key is one of these but for case, `_` and `-`.
fn is_named(key: &str, name: &str) -> bool {
    let letters = key.bytes().filter(|byte| !matches!(byte, b'_' | b'-'));
    letters.map(|byte| byte.to_ascii_lowercase()).eq(name.bytes())
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{advises, does_not_advise, state};

    fn pass(parameters: &str) -> String {
        state(&format!(
            r#""Type": "Pass", "Parameters": {parameters}, "End": true"#
        ))
    }

    #[test]
    fn credentials_in_the_text_are_doubted() {
        let key = format!("AK{}", "IA0123456789ABCDEF");
        for wrong in [
            format!(r#"{{"key": "{key}"}}"#),
            r#"{"db": [{"Password": "correct-horse"}]}"#.to_owned(),
            r#"{"client_secret": "0123456789"}"#.to_owned(),
            r#"{"pem": "-----BEGIN RSA PRIVATE KEY-----\nabc"}"#.to_owned(),
        ] {
            advises(&pass(&wrong), "SECRET_IN_DEFINITION");
        }
        for right in [
            r#"{"Password.$": "$.password"}"#,
            r#"{"Password": "${Password}"}"#,
            r#"{"Password": "{{resolve:secretsmanager:db}}"}"#,
            r#"{"SecretId": "prod/database"}"#,
            r#"{"NextToken": "abcdefghijkl"}"#,
            r#"{"Password": "<your password>"}"#,
        ] {
            does_not_advise(&pass(right), "SECRET_IN_DEFINITION");
        }
    }
}
