#!/bin/sh
# Registers the ETL pipeline (again if it is known), runs it, and shows what came of it. Signalbox must be running with
# --config examples/etl/signalbox.toml; SIGNALBOX_URL says where if not on 127.0.0.1:8080.
set -eu
cd "$(dirname "$0")/../.."
url=${SIGNALBOX_URL:-http://127.0.0.1:8080}
json='Content-Type: application/json'

body='{"name": "enterprise-etl-pipeline", "timeout_seconds": 3600, "retry_attempts": 3, "tracing": true,
       "tags": {"Environment": "Production", "Team": "DataEngineering", "Project": "ETLPipeline"},
       "role_arn": "arn:aws:iam::123456789012:role/StepFunctionsExecutionRole",
       "definition": '$(cat examples/etl/definition.json)'}'
status=$(printf '%s' "$body" | curl -s -o /dev/null -w '%{http_code}' "$url/v1/templates" -H "$json" -d @-) || {
  echo "Signalbox does not answer at $url; start it with --config examples/etl/signalbox.toml" >&2
  exit 1
}
case $status in
  201) echo "registered" ;;
  409) echo "was registered already" ;;
  *) echo "registering failed with status $status" >&2; printf '%s' "$body" | curl -s "$url/v1/templates" -H "$json" -d @- >&2; exit 1 ;;
esac

echo "running:"
printf '{"input": %s}' "$(cat examples/etl/input.json)" \
  | curl -s "$url/v1/templates/enterprise-etl-pipeline/executions" -H "$json" -H 'Prefer: wait=30' -d @-
echo

echo "analytics:"
curl -s "$url/v1/templates/enterprise-etl-pipeline/analytics"
echo

echo "the table:"
cat examples/etl/out/analytics.customer_metrics.csv
