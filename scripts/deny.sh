#!/usr/bin/env bash
# Licences, duplicate versions, sources and advisories of the dependencies (deny.toml). Without cargo-deny nothing is checked, and
# without the advisory database everything but the advisories; both are said, and neither fails.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cargo deny --version >/dev/null 2>&1 || {
  say "Dependencies: not checked, since cargo-deny is missing (cargo install --locked cargo-deny)."
  exit 0
}
cargo deny --log-level error --offline check --hide-inclusion-graph licenses bans sources
if cargo deny --log-level error fetch db >/dev/null 2>&1; then
  cargo deny --log-level error check --disable-fetch --hide-inclusion-graph advisories
else
  say "Dependencies: advisories not checked, since the advisory database cannot be fetched."
fi
