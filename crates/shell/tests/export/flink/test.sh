#!/usr/bin/env bash
# Runs the job over the input in test/ on the Flink in FLINK_HOME, inside of the SQL client, and compares the answer.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${FLINK_HOME:?set FLINK_HOME to the folder of Flink}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/test" "$work/test"
JOB_FOLDER=$work "$here/flink/fill.sh" < "$here/flink/job-files.sql" > "$work/job.sql"
"$FLINK_HOME/bin/sql-client.sh" -hist "$work/history" -f "$work/job.sql"
"${MILLSTREAM:-millstream}" test "$here" --answer "$work/flink-answer"
