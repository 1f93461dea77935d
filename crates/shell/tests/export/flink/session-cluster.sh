#!/usr/bin/env bash
# Submits the job to the session cluster that FLINK_HOME/conf names; connectors.txt lists the jars it needs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${FLINK_HOME:?set FLINK_HOME to the folder of Flink}"
export DATA_FOLDER=${DATA_FOLDER:-$PWD}
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/fill.sh" < "$here/job.sql" > "$work/job.sql"
"$FLINK_HOME/bin/sql-client.sh" -hist "$work/history" -f "$work/job.sql"
