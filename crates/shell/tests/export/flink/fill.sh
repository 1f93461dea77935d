#!/usr/bin/env bash
# Puts values of the environment in the place of ${env:NAME}: fill.sh < job.sql. A variable that is not set ends it.
set -euo pipefail
quote="'"
text=$(cat; printf x)
text=${text%x}
while [[ $text =~ \$\{env:([A-Za-z_][A-Za-z0-9_]*)\} ]]; do
  name=${BASH_REMATCH[1]}
  [ -n "${!name+set}" ] || { echo "fill.sh: set $name in the environment" >&2; exit 2; }
  before=${text%%"${BASH_REMATCH[0]}"*}
  printf '%s%s' "$before" "${!name//$quote/$quote$quote}"
  text=${text:$((${#before} + ${#BASH_REMATCH[0]}))}
done
printf '%s' "$text"
