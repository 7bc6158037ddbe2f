# shellcheck shell=bash
# Words and places that every script shares. Sourced, never run; leaves the caller in the project's top folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:$HOME/.cargo/bin" # rustup puts cargo there, but only login shells know it

say() { printf '%s\n' "$*"; }
die() {
  printf '%s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# The folder of the newest PostgreSQL server programs on this machine; fails when there are none.
postgres_bin() {
  local found
  found=$(find /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin -name initdb 2>/dev/null | sort -V | tail -n 1)
  [ -n "$found" ] || found=$(command -v initdb) || return 1
  dirname "$found"
}

# Whether a process lives; one that ended and was not waited for does not count.
alive() { [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"; }

# wait_gone PID SECONDS
wait_gone() {
  local left=$(($2 * 10))
  while alive "$1"; do
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.1
  done
}

target_dir() { say "${CARGO_TARGET_DIR:-target}"; }
