#!/usr/bin/env bash
# A throw-away PostgreSQL cluster for tests: Unix socket only, fsync on as in real life.
#   postgres.sh start DIR   makes it in DIR, starts it and prints its superuser URL
#   postgres.sh stop DIR    stops it; DIR may be deleted then
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

verb=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: scripts/postgres.sh start|stop DIR"
bin=$(postgres_bin) || die "PostgreSQL is missing: run scripts/setup.sh"

as_owner=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
  id postgres >/dev/null 2>&1 || die "There is no user postgres: run scripts/setup.sh"
  as_owner=(runuser -u postgres --)
fi

case "$verb" in
start)
  mkdir -p "$dir"
  [ "$(id -u)" != 0 ] || chown postgres "$dir"
  cd "$dir"
  dir=$PWD
  [ "${#dir}" -lt 80 ] || die "$dir is too long for the path of a Unix socket"
  "${as_owner[@]}" "$bin/initdb" -D "$dir/cluster" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >initdb.log || {
    cat initdb.log >&2
    exit 1
  }
  # pg_ctl would hand its standard output to the server, and a caller that reads ours would wait for ever.
  "${as_owner[@]}" "$bin/pg_ctl" -D "$dir/cluster" -w -l "$dir/cluster/log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=400" start >/dev/null || {
    cat "$dir/cluster/log" >&2
    exit 1
  }
  say "postgresql:///postgres?host=$dir&user=postgres"
  ;;
stop)
  cd "$dir" 2>/dev/null || exit 0
  if [ -f cluster/postmaster.pid ]; then
    "${as_owner[@]}" "$bin/pg_ctl" -D "$PWD/cluster" -w -m immediate stop >/dev/null
  fi
  ;;
*) die "usage: scripts/postgres.sh start|stop DIR" ;;
esac
