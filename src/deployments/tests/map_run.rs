//! A distributed Map in a rehearsal: its children are rehearsed one after the other, each from the same moment on, as if all ran
//! at a time. Items that are to be read from S3, and results that are to be written there, are outside: they end the rehearsal.

use asl::eval::{
    Event, ExecutionFacts, Failure, ItemSource, MapRunCall, Outcome, Planner, TaskCall, Transformation,
};
use asl::json::Payload;

use super::rehearse::{RehearseError, Reply, Stage};

impl Stage<'_> {
    /// How the Map Run ends, and when.
    pub(super) fn map_run(
        &mut self,
        call: &MapRunCall,
        facts: &ExecutionFacts,
        answer: &mut dyn FnMut(&TaskCall) -> Option<Reply>,
    ) -> Result<(i64, Event), RehearseError> {
        let outside = |resource: &str| RehearseError::Unanswered {
            state: call.state_name.to_string(),
            resource: resource.to_owned(),
        };
        if let ItemSource::Reader(reading) = &call.source {
            return Err(outside(reading.resource.text()));
        }
        let writing = call.writing.as_ref();
        if writing
            .is_some_and(|writing| writing.target.is_some() || writing.transformation == Transformation::None)
        {
            return Err(outside("arn:aws:states:::s3:putObject"));
        }
        let inputs = match self.inputs(call) {
            Ok(inputs) => inputs,
            Err(Failure { error, cause }) => {
                let id = call.id;
                return Ok((self.now_ms, Event::MapRunFailed { id, error, cause }));
            }
        };
        let total = inputs.iter().map(|(_, items)| u64::from(*items)).sum();
        let (mut outputs, mut failed, mut ends) = (Vec::new(), 0, self.now_ms);
        for (input, items) in inputs {
            let facts = child_facts(call, facts, input, self.now_ms);
            let mut stage = self.aside();
            let outcome = stage.play(facts, answer)?;
            ends = ends.max(stage.now_ms);
            self.steps_left = stage.steps_left;
            match outcome {
                Outcome::Succeeded { output } => outputs.push(output),
                Outcome::Failed(_) | Outcome::TimedOut(_) | Outcome::Aborted(_) => failed += u64::from(items),
            }
        }
        let id = call.id;
        if call.tolerance.is_exceeded(failed, Some(total)) {
            let error = Some("States.ExceedToleratedFailureThreshold".into());
            let cause = Some("The specified tolerated failure threshold was exceeded".into());
            return Ok((ends, Event::MapRunFailed { id, error, cause }));
        }
        let flat = writing.is_some_and(|writing| writing.transformation == Transformation::Flatten);
        let outputs = if flat { flattened(outputs) } else { outputs };
        let output = Payload::from_items(outputs);
        Ok((ends, Event::MapRunSucceeded { id, output }))
    }

    fn inputs(&mut self, call: &MapRunCall) -> Result<Vec<(Payload, u32)>, Failure> {
        let mut planner = Planner::new(self.machine, call);
        let mut inputs = Vec::new();
        for item in call.source.items() {
            inputs.extend(self.with_env(|env| planner.take(item, env))?);
        }
        inputs.extend(planner.finish());
        Ok(inputs
            .into_iter()
            .map(|child| (child.input, child.items))
            .collect())
    }
}

fn child_facts(call: &MapRunCall, around: &ExecutionFacts, input: Payload, start_ms: i64) -> ExecutionFacts {
    let machine = around.machine_arn.split('/').next().unwrap_or_default();
    let machine_name = around.machine_name.split('/').next().unwrap_or_default();
    let label = &call.label;
    ExecutionFacts {
        machine_arn: format!("{machine}/{label}").into(),
        machine_name: format!("{machine_name}/{label}").into(),
        version_arn: None,
        alias_arn: None,
        input,
        kind: call.kind,
        start_ms,
        graph: call.graph,
        ..around.clone()
    }
}

/// Of outputs that are arrays, their elements.
fn flattened(outputs: Vec<Payload>) -> Vec<Payload> {
    let mut flat = Vec::new();
    for output in outputs {
        match output.json().as_array() {
            Some(elements) => flat.extend(elements.iter().map(|element| Payload::from_json(element.clone()))),
            None => flat.push(output),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::rehearse::tests::{fails, gives, run};

    fn map(members: Value) -> Value {
        let mut state = members;
        state["Type"] = json!("Map");
        state["End"] = json!(true);
        state["ItemProcessor"] = json!({
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "W",
            "States": {
                "W": {"Type": "Wait", "Seconds": 60, "Next": "T"},
                "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true}}});
        json!({"StartAt": "M", "States": {"M": state}})
    }

    #[test]
    fn children_are_rehearsed_as_if_all_ran_at_a_time() {
        let answers = vec![gives(json!("a")), gives(json!("b"))];
        let done = run(&map(json!({})), &json!([1, 2]), answers).unwrap();
        assert_eq!((done.status, done.output), ("SUCCEEDED", Some(json!(["a", "b"]))));
        assert_eq!(done.duration_ms, 60_000);
        let entered: Vec<&String> = done.trail.entered.iter().collect();
        assert_eq!(
            entered,
            ["M"],
            "children are executions of their own, with ways of their own"
        );
    }

    #[test]
    fn failures_beyond_the_tolerated_fail_the_map_and_batches_count_their_items() {
        let batches = json!({"ItemBatcher": {"MaxItemsPerBatch": 2}, "ToleratedFailureCount": 1});
        let answers = || vec![gives(json!("a")), fails("Busy")];
        let two = run(&map(batches.clone()), &json!([1, 2, 3, 4]), answers()).unwrap();
        let exceeded = Some("States.ExceedToleratedFailureThreshold");
        assert_eq!((two.status, two.error.as_deref()), ("FAILED", exceeded));
        let one = run(&map(batches), &json!([1, 2, 3]), answers()).unwrap();
        assert_eq!((one.status, one.output), ("SUCCEEDED", Some(json!(["a"]))));
    }

    #[test]
    fn results_are_flattened_where_the_writer_says_so() {
        let flat =
            json!({"ResultWriter": {"WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSON"}}});
        let done = run(
            &map(flat),
            &json!([1, 2]),
            vec![gives(json!([1, 2])), gives(json!(3))],
        )
        .unwrap();
        assert_eq!(done.output, Some(json!([1, 2, 3])));
    }

    #[test]
    fn what_is_read_from_or_written_to_s3_ends_the_rehearsal_by_its_name() {
        let reader = json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key": "k"}}});
        let writer = json!({"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "b", "Prefix": "p"}}});
        for (outside, named) in [(reader, "s3:getObject"), (writer, "s3:putObject")] {
            let refused = run(&map(outside), &json!([1]), vec![gives(json!(1))]).unwrap_err();
            assert!(refused.to_string().contains(named), "{refused}");
        }
    }
}
