#!/usr/bin/env bash
# Does what docs/tasks/walk-with-curl.md says, block by block, against the server at URL. Stops at the first answer that is an error.
#   walk.sh URL
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export M4SH_URL=${1:?usage: scripts/walk.sh URL}
have curl || die "curl is missing."
walk=$(mktemp)
trap 'rm -f "$walk"' EXIT
{
  printf 'set -euo pipefail\ntrap '\''echo; echo "stopped at: $BASH_COMMAND" >&2'\'' ERR\n'
  sed -n '/^```sh$/,/^```$/{/^```/d;p}' docs/tasks/walk-with-curl.md
} >"$walk"
bash -E "$walk" >"$walk.out" 2>&1 || {
  tail -n 5 "$walk.out" >&2
  rm -f "$walk.out"
  die "the walk did not get to its end"
}
rm -f "$walk.out"
say "walked through $(grep -c 'call' "$walk") lines of requests"
