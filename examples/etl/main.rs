//! The functions of the ETL pipeline, as one command: `etl FUNCTION` reads the event on standard input and writes the result
//! to standard output, or an error as Lambda describes one, and exits with 1. Files are read below `examples/etl/data` (the
//! "lake") and written below `examples/etl/out`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `errorType` is the name that the pipeline's Catch and Retry compare.
            let name = error
                .downcast_ref::<Invalid>()
                .map_or("Error", |_| "ValidationError");
            let failure = json!({ "errorType": name, "errorMessage": error.to_string() });
            let _ = writeln!(io::stdout(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Fallible<()> {
    let function = std::env::args()
        .nth(1)
        .ok_or("say which function: etl FUNCTION")?;
    let mut event = String::new();
    io::stdin().read_to_string(&mut event)?;
    let event: Value = serde_json::from_str(&event)?;
    let result = match function.as_str() {
        "ValidateETLInput" => validate(event)?,
        "ExtractData" => extract(&event)?,
        "TransformData" => transform(&event)?,
        "LoadData" => load(&event)?,
        "Notify" => notify(&event)?,
        other => return Err(format!("there is no function `{other}`").into()),
    };
    writeln!(io::stdout(), "{result}")?;
    Ok(())
}

/// The input can't be worked on; the pipeline's Catch looks for this error's name.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Invalid(String);

fn validate(event: Value) -> Fallible<Value> {
    for field in ["source_bucket", "source_prefix", "target_table"] {
        if event.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(Invalid(format!("`{field}` must be a text that is not empty")).into());
        }
    }
    let source = source(&event)?;
    if !source.is_dir() {
        return Err(Invalid(format!("there is nothing at {}", source.display())).into());
    }
    Ok(event)
}

fn extract(event: &Value) -> Fallible<Value> {
    let rows = rows(event)?;
    let path = output("extracted.json")?;
    fs::write(&path, serde_json::to_string_pretty(&rows)?)?;
    Ok(json!({ "rows": rows.len(), "file": path, "target_table": event.get("target_table") }))
}

fn transform(event: &Value) -> Fallible<Value> {
    let mut totals: BTreeMap<String, f64> = BTreeMap::new();
    for row in rows(event)? {
        let customer = row.get("customer").cloned().unwrap_or_default();
        *totals.entry(customer).or_default() += row
            .get("amount")
            .map_or(Ok(0.0), |amount| amount.parse::<f64>())?;
    }
    Ok(json!({ "customers": totals.len(), "totals": totals }))
}

fn load(results: &Value) -> Fallible<Value> {
    let table = results
        .pointer("/0/target_table")
        .and_then(Value::as_str)
        .ok_or("no target table")?;
    let totals = results
        .pointer("/1/totals")
        .and_then(Value::as_object)
        .ok_or("nothing was transformed")?;
    let mut text = String::from("customer,amount\n");
    for (customer, amount) in totals {
        writeln!(text, "{customer},{:.2}", amount.as_f64().unwrap_or_default())?;
    }
    let path = output(&format!("{table}.csv"))?;
    fs::write(&path, text)?;
    Ok(json!({ "table": table, "rows": totals.len(), "file": path }))
}

fn notify(message: &Value) -> Fallible<Value> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(output("notifications.jsonl")?)?;
    writeln!(file, "{message}")?;
    Ok(json!({}))
}

fn source(event: &Value) -> Fallible<PathBuf> {
    let part = |name: &str| {
        event
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let below = PathBuf::from(part("source_bucket")).join(part("source_prefix"));
    if below
        .components()
        .any(|part| !matches!(part, std::path::Component::Normal(_)))
    {
        return Err(Invalid("the source must stay within the lake".to_owned()).into());
    }
    Ok(PathBuf::from("examples/etl/data").join(below))
}

fn rows(event: &Value) -> Fallible<Vec<BTreeMap<String, String>>> {
    let mut rows = Vec::new();
    for file in fs::read_dir(source(event)?)? {
        let text = fs::read_to_string(file?.path())?;
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        rows.extend(lines.map(|line| {
            header
                .iter()
                .map(ToString::to_string)
                .zip(line.split(',').map(ToOwned::to_owned))
                .collect()
        }));
    }
    Ok(rows)
}

fn output(name: &str) -> Fallible<PathBuf> {
    let folder = PathBuf::from("examples/etl/out");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(name))
}
