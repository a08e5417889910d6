//! Test results as JUnit XML, for build servers.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::model::TestReport;

/// The report as XML. `suite` names the deployment or release.
pub fn xml(suite: &str, report: &TestReport) -> Result<String, quick_junit::SerializeError> {
    let mut tests = TestSuite::new(suite);
    for result in &report.test_results {
        let status = match result.passed {
            Some(true) => TestCaseStatus::success(),
            Some(false) => {
                let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
                failed.set_message(result.error.clone().unwrap_or_else(|| "failed".to_owned()));
                failed
            }
            None => TestCaseStatus::skipped(),
        };
        let mut case = TestCase::new(result.name.clone(), status);
        case.set_classname(suite);
        if let Some(ms) = result.duration_ms.and_then(|ms| u64::try_from(ms).ok()) {
            case.set_time(Duration::from_millis(ms));
        }
        let arn = result.execution_arn.iter().chain(&result.replay_of);
        let told: Vec<_> = arn.chain(&result.differences).map(String::as_str).collect();
        if !told.is_empty() {
            case.set_system_out(told.join("\n"));
        }
        tests.add_test_case(case);
    }
    let mut all = Report::new("signalbox");
    all.add_test_suite(tests);
    all.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::model::{TestMode, TestResult};
    use super::*;

    #[test]
    fn failures_stand_in_the_xml_with_their_reason() {
        let report = TestReport::of(vec![TestResult {
            test_case: 0,
            name: "valid <customer>".into(),
            passed: Some(false),
            execution_arn: None,
            final_status: Some("FAILED".into()),
            error: Some("expected SUCCEEDED, got FAILED".into()),
            duration_ms: Some(1_500),
            mode: TestMode::Replay,
            replay_of: Some("arn:execution".into()),
            outcome: None,
            differences: vec!["output `/total` is 12, was 10".into()],
        }]);
        let xml = xml("dep_1", &report).unwrap();
        assert!(xml.contains(r#"failures="1""#), "{xml}");
        assert!(
            xml.contains("valid &lt;customer&gt;") && xml.contains("got FAILED"),
            "{xml}"
        );
        assert!(
            xml.contains("arn:execution") && xml.contains("is 12, was 10"),
            "{xml}"
        );
    }
}
