#!/usr/bin/env bash
# Everything CI runs, on a machine that may lack everything but Rust, python3 and git. The last line is `N passed, N failed`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Two pupils of the demo school (src/demo.rs).
first=${M4SH_DEMO_FIRST:-bohdan@demo.m4sh} second=${M4SH_DEMO_SECOND:-clara@demo.m4sh} password=${M4SH_DEMO_PASSWORD:-demo-class}

passed=0 failed=0
work=$(mktemp -d /tmp/m4sh-test.XXXXXX) # short: a Unix socket's path has 107 bytes
chmod 711 "$work"                       # as root the databases run as another user, who must get in

finish() {
  local status=$?
  trap - EXIT INT TERM
  scripts/server.sh stop "$work/demo" || true
  scripts/server.sh stop "$work/described" || true
  scripts/postgres.sh stop "$work/postgres" || true
  rm -rf "$work"
  [ "$status" = 0 ] || failed=$((failed + 1)) # whatever ended the script early
  say "$passed passed, $failed failed"
  exit "$((failed > 0))"
}
trap finish EXIT
trap 'exit 130' INT TERM

# step NAME COMMAND…: one thing that passes or fails; the rest runs on, so that one run tells everything.
step() {
  say "=== $1"
  if "${@:2}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "FAILED: $1"
  fi
}

# Counts each Rust test by itself.
rust_tests() {
  say "=== Rust tests"
  local status=0 summary
  cargo nextest run --workspace --no-fail-fast 2>&1 | tee "$work/nextest.log" || status=$?
  summary=$(grep -a 'tests\? run:' "$work/nextest.log" | tail -n 1) || true
  count() { grep -oE "[0-9]+ $1" <<<"$summary" | grep -oE '[0-9]+' || say 0; }
  passed=$((passed + $(count passed)))
  local broken=$(($(count failed) + $(count 'timed out')))
  [ "$status" = 0 ] || [ "$broken" -gt 0 ] || broken=1
  failed=$((failed + broken))
}

scripts/setup.sh test

step "formatting" cargo fmt --all --check
step "no circle of imports" scripts/import_cycles.py
step "dependencies" scripts/deny.sh
step "clippy" cargo clippy --workspace --all-targets --quiet -- -D warnings
# One build for the tests and the server: `cargo build` would unite features differently and build everything again.
cargo nextest run --workspace --no-run || die "the build failed"

M4SH_TEST_DATABASE_URL=$(scripts/postgres.sh start "$work/postgres")
export M4SH_TEST_DATABASE_URL
rust_tests
step "doc tests" cargo test --doc --workspace --quiet

say "=== demo server"
url=$(scripts/server.sh start "$work/demo") || die "no demo server, so no clients can be checked"
step "Python client" .venv/bin/python examples/client.py --url "$url" --email "$first" --password "$password"
step "browser" .venv/bin/python scripts/browser_check.py --url "$url" --out "$(target_dir)/browser" \
  --first "$first" --second "$second" --password "$password" --restart-cmd "scripts/server.sh crash '$work/demo'"

step "a walk with curl" scripts/walk.sh "$url"

k6=$(command -v k6 || say .venv/bin/k6)
if [ ! -f loadtest/class.js ] || [ ! -x "$k6" ]; then
  say "=== k6: not run (no loadtest/class.js, or no k6 for this machine)"
else
  step "k6: a class" "$k6" run --quiet --env "M4SH_URL=$url" --env PUPILS=4 --env SECONDS=5 loadtest/class.js
  step "k6: autosave" "$k6" run --quiet --env "M4SH_URL=$url" --env PEOPLE=2 --env SECONDS=8 --env PAUSE_MS=600 loadtest/autosave.js
fi

# What each of a class saw of a whole lesson, with nothing missing, doubled or leaked; its server is killed in the middle.
step "a scripted lesson" "$(target_dir)/debug/m4sh-load" lesson --server "$(target_dir)/debug/m4sh" --pupils 8 --seconds 1

# A server of its own: what is tried here leaves boards, classes and accounts behind, at every rate.
for scope in SOLO_DIFF SOLO_STREAM SOLO_BEACON SOLO_USER SOLO_ANON SOLO_ANON_ASSET SOLO_EXPORT UPLOAD BOARD_METRICS TELEMETRY \
  LOGIN_ADDRESS LOGIN_ACCOUNT REGISTER REFRESH API_USER JOIN_CLASS; do export "M4SH_RATES_$scope=1000000/min"; done
described() {
  local url
  url=$(scripts/server.sh start "$work/described") || return 1
  scripts/schemathesis.sh "$url" "${M4SH_DEMO_TUTOR:-anna@demo.m4sh}" "$password"
}
step "the API is as its description says" described
scripts/server.sh stop "$work/described" || true

step "the server drains and stops" scripts/server.sh stop "$work/demo"
