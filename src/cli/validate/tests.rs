//! The command as a function: arguments, streams, verdict.

use clap::Parser;
use serde_json::Value;

use super::*;
use crate::clock::SystemClock;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    arguments: ValidateArguments,
}

/// Runs with arguments and standard input: verdict, output, errors.
fn run(arguments: &[&str], input: &str) -> (Verdict, String, String) {
    let command = Command::parse_from(std::iter::once("validate").chain(arguments.iter().copied()));
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        input: &mut input.as_bytes(),
        output: &mut output,
        errors: &mut errors,
        is_terminal: false,
    };
    let verdict = validate(&command.arguments, &SystemClock, &mut streams).unwrap();
    (
        verdict,
        String::from_utf8(output).unwrap(),
        String::from_utf8(errors).unwrap(),
    )
}

const VALID: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
const INVALID: &str = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\", \"Next\": \"Ghost\"},\n    \"Gost\": {\"Type\": \"Succeed\"}\n  }\n}\n";

#[test]
fn a_valid_definition_is_called_valid() {
    let (verdict, output, errors) = run(&["-"], VALID);
    assert_eq!(
        (verdict.exit_status(), output.as_str(), errors.as_str()),
        (0, "standard input: valid\n", "")
    );
}

#[test]
fn a_fault_is_shown_with_its_place_and_its_help() {
    let (verdict, output, _) = run(&["-"], INVALID);
    assert_eq!(verdict.exit_status(), 1);
    for part in [
        "error[MISSING_TRANSITION_TARGET]: Missing 'Next' target: Ghost",
        "standard input:4:35",
        "\"Next\": \"Ghost\"",
        "/States/A/Next",
        "help: Did you mean \"Gost\"?",
        "1 error",
    ] {
        assert!(output.contains(part), "{part} is missing in:\n{output}");
    }
}

#[test]
fn machines_get_one_object_for_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.json"), folder.path().join("bad.json"));
    std::fs::write(&good, VALID).unwrap();
    std::fs::write(&bad, INVALID).unwrap();
    let files = [good.to_str().unwrap(), bad.to_str().unwrap()];
    let (verdict, output, _) = run(&["--format", "json", files[0], files[1]], "");
    assert_eq!(verdict, Verdict::Invalid);
    let answers: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(answers[0]["result"], "OK");
    assert_eq!(answers[1]["result"], "FAIL");
    assert_eq!(answers[1]["diagnostics"][0]["location"], "/States/A/Next");
    assert_eq!(answers[1]["diagnostics"][0]["line"], 4);
}

#[test]
fn the_type_of_the_machine_counts() {
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}}}"#;
    assert_eq!(run(&["-"], text).0, Verdict::Valid);
    assert_eq!(run(&["--type", "EXPRESS", "-"], text).0, Verdict::Invalid);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_checked() {
    let (verdict, output, errors) = run(&["no-such-file.json", "-"], VALID);
    assert_eq!(verdict.exit_status(), 2);
    assert!(
        errors.starts_with("signalbox: no-such-file.json can't be checked: "),
        "{errors}"
    );
    assert!(output.contains("standard input: valid"), "{output}");
}

#[test]
fn a_reader_that_has_gone_changes_no_verdict() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    for format in ["text", "json", "sarif", "github"] {
        let command = Command::parse_from(["validate", "--format", format, "-"]);
        let mut streams = Streams {
            input: &mut INVALID.as_bytes(),
            output: &mut Gone,
            errors: &mut Vec::new(),
            is_terminal: false,
        };
        let verdict = validate(&command.arguments, &SystemClock, &mut streams).unwrap();
        assert_eq!(verdict, Verdict::Invalid);
    }
}

#[test]
fn any_text_can_be_shown() {
    for text in [
        "",
        "\n",
        "{",
        "\u{feff}{}",
        "{\"é\": ",
        "[1,\r\n2",
        "{\"StartAt\": \"A\", \"States\": {\"A\": {}\n}}",
    ] {
        let (verdict, output, _) = run(&["-"], text);
        assert_eq!(verdict, Verdict::Invalid, "{text:?}");
        assert!(output.contains("error"), "{text:?}: {output}");
    }
}

/// In a folder with these files: arguments are paths in it.
fn run_in(files: &[(&str, &str)], arguments: &[&str]) -> (Verdict, String, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| match argument.strip_prefix('@') {
            Some(path) => folder.path().join(path).display().to_string(),
            None => (*argument).to_owned(),
        })
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (verdict, output, errors) = run(&arguments, "");
    let root = format!("{}/", folder.path().display());
    (
        verdict,
        output.replace(&root, ""),
        errors.replace(&root, ""),
        folder,
    )
}

const YAML: &str = "StartAt: A\nStates:\n  A:\n    Type: Pass\n    Next: Ghost # nowhere\n";

#[test]
fn a_fault_in_yaml_is_shown_where_it_stands_in_the_yaml() {
    let (verdict, output, _, _folder) = run_in(&[("a.asl.yaml", YAML)], &["@a.asl.yaml"]);
    assert_eq!(verdict, Verdict::Invalid);
    for part in ["a.asl.yaml:5:11", "Next: Ghost # nowhere", "/States/A/Next"] {
        assert!(output.contains(part), "{part} is missing in:\n{output}");
    }
}

#[test]
fn yaml_on_standard_input_is_known_by_how_it_begins() {
    let (verdict, output, _) = run(&["-"], YAML);
    assert_eq!(verdict, Verdict::Invalid);
    assert!(output.contains("standard input:5:11"), "{output}");
    let (_, output, _) = run(&["-"], "StartAt: [A\nStates: {}\n");
    assert!(output.contains("error"), "{output}");
}

#[test]
fn a_text_that_is_no_yaml_is_shown_with_its_place() {
    let (verdict, output, _, _folder) = run_in(&[("a.yaml", "StartAt: A\nStates:\n  A: [1\n")], &["@a.yaml"]);
    assert_eq!(verdict, Verdict::Invalid);
    assert!(output.contains("error[INVALID_YAML]"), "{output}");
}

const TEMPLATE: &str = "Resources:\n  Inline:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Type: EXPRESS\n      Definition:\n        StartAt: T\n        States:\n          T: {Type: Task, Resource: 'arn:aws:states:::ecs:runTask.sync', Parameters: {TaskDefinition: !Ref Work}, End: true}\n  Away:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      DefinitionUri: flows/a.asl.json\n      Type: EXPRESS\n";
const SYNC: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Parameters": {"TaskDefinition": "t"}, "End": true}}}"#;

#[test]
fn the_machines_of_a_template_are_checked_as_what_it_runs_them_as() {
    let files = [("template.yaml", TEMPLATE), ("flows/a.asl.json", SYNC)];
    let (verdict, output, errors, _folder) = run_in(&files, &["--severity", "error", "@template.yaml"]);
    assert_eq!(verdict, Verdict::Invalid, "{errors}");
    for part in [
        "template.yaml:9:",
        "Inline: /States/T",
        "flows/a.asl.json: 1 error",
    ] {
        assert!(output.contains(part), "{part} is missing in:\n{output}");
    }
    // In the folder each is found once, and the type still comes from the template.
    let (_, again, _, _folder) = run_in(&files, &["--severity", "error", "@."]);
    assert_eq!(again.matches("a.asl.json: 1 error").count(), 1, "{again}");
}

#[test]
fn a_definition_that_a_template_names_and_that_is_not_there_is_a_fault_of_the_template() {
    let (verdict, output, _, _folder) = run_in(&[("template.yaml", TEMPLATE)], &["@template.yaml"]);
    assert_eq!(verdict, Verdict::Invalid);
    assert!(output.contains("error[DEFINITION_UNREADABLE]"), "{output}");
    assert!(output.contains("template.yaml:13:22"), "{output}");
}

#[test]
fn what_has_nothing_to_do_with_state_machines_is_passed_over_in_folders_only() {
    let files = [("package.json", "{\"name\": \"x\"}"), ("a.asl.json", VALID)];
    let (verdict, output, _, _folder) = run_in(&files, &["@."]);
    assert_eq!(
        (verdict, output.as_str()),
        (Verdict::Valid, "./a.asl.json: valid\n")
    );
    let (verdict, ..) = run_in(&files, &["@package.json"]);
    assert_eq!(verdict, Verdict::Invalid);
    let (verdict, _, errors, _folder) = run_in(&files[..1], &["@."]);
    assert_eq!(verdict.exit_status(), 2);
    assert!(errors.contains("there are no definitions here"), "{errors}");
}

#[test]
fn warnings_fail_only_where_they_are_denied_and_can_be_left_out() {
    let text = SYNC;
    assert_eq!(run(&["-"], text).0, Verdict::Valid);
    assert_eq!(run(&["--deny", "warnings", "-"], text).0, Verdict::Invalid);
    let (verdict, output, _) = run(&["--deny", "warning", "--severity", "error", "-"], text);
    assert_eq!(
        (verdict, output.as_str()),
        (Verdict::Invalid, "standard input: valid\n")
    );
}

#[test]
fn annotations_of_github_are_escaped_and_placed() {
    let (_, output, _, _folder) = run_in(
        &[("a,b.asl.yaml", YAML)],
        &["--format", "github", "--severity", "error", "@a,b.asl.yaml"],
    );
    assert!(
        output.starts_with("::error file=a%2Cb.asl.yaml,line=5,endLine=5,col=11,endColumn=16,title=MISSING_TRANSITION_TARGET::"),
        "{output}"
    );
}

#[test]
fn sarif_names_rules_places_and_pages() {
    let arguments = [
        "--format",
        "sarif",
        "--docs-url",
        "https://signalbox.example/",
        "@a b.asl.yaml",
    ];
    let (_, output, _, _folder) = run_in(&[("a b.asl.yaml", YAML)], &arguments);
    let log: Value = serde_json::from_str(&output).unwrap();
    let run = &log["runs"][0];
    let result = &run["results"][0];
    assert_eq!(result["ruleId"], "MISSING_TRANSITION_TARGET");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"]["uri"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next(),
        Some("a%20b.asl.yaml")
    );
    assert_eq!(place["region"]["startLine"], 5);
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    let rule = &run["tool"]["driver"]["rules"][index];
    assert_eq!(rule["id"], "MISSING_TRANSITION_TARGET");
    assert_eq!(
        rule["helpUri"],
        "https://signalbox.example/docs/diagnostics/MISSING_TRANSITION_TARGET"
    );
    assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# "));
}

const RULES: &str = "lints: {TASK_NO_TIMEOUT: error}\nrules:\n  - name: short-names\n    scope: state\n    expression: size(name) < 2\n    message: one letter will do\n";

#[test]
fn a_rule_set_from_a_file_counts() {
    let yaml = YAML.replace("Ghost", "Longer") + "  Longer:\n    Type: Succeed\n";
    let files = [
        ("a.asl.yaml", yaml.as_str()),
        ("rules.yaml", RULES),
        ("bad.yaml", "lints: {NOTHING: error}"),
    ];
    let (verdict, output, errors, _folder) = run_in(&files, &["--rules", "@rules.yaml", "@a.asl.yaml"]);
    assert_eq!(verdict, Verdict::Invalid, "{errors}");
    for part in ["error[short-names]: one letter will do", "a.asl.yaml:6:3"] {
        assert!(output.contains(part), "{part} is missing in:\n{output}");
    }
    assert_eq!(run(&["-"], SYNC).0, Verdict::Valid);
    let (verdict, _, errors, _folder) = run_in(&files, &["--rules", "@bad.yaml", "@a.asl.yaml"]);
    assert_eq!(verdict.exit_status(), 2);
    assert!(errors.contains("`/lints/NOTHING`"), "{errors}");
}

#[test]
fn fixes_are_written_to_the_file_or_shown_as_a_diff() {
    let text = "{\n  \"StartAt\": \"A\",\n  \"States\": {\"A\": {\"type\": \"Pass\", \"End\": true}}\n}\n";
    let (verdict, output, _, folder) = run_in(&[("a.json", text)], &["--fix", "--dry-run", "@a.json"]);
    assert_eq!(verdict, Verdict::Invalid);
    assert!(
        output.contains("\n+  \"States\": {\"A\": {\"Type\": \"Pass\""),
        "{output}"
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("a.json")).unwrap(),
        text
    );
    let (verdict, output, errors, folder) = run_in(&[("a.json", text)], &["--fix", "@a.json"]);
    assert_eq!(
        (verdict, output.contains("a.json: valid")),
        (Verdict::Valid, true),
        "{output}"
    );
    assert!(errors.contains("a.json: /States/A"), "{errors}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("a.json")).unwrap(),
        text.replace("\"type\"", "\"Type\"")
    );
    assert_eq!(run(&["--fix", "-"], text).0.exit_status(), 2);
}
