#!/usr/bin/env bash
# A demo server in the background, with everything it owns under DIR. The checks of scripts/test.sh talk to it.
#   server.sh start DIR     starts it (M4SH_BIN, default: the debug build), waits until it listens, prints its address
#   server.sh crash DIR     kills it without a warning and starts it again at the same address
#   server.sh restart DIR   the same, but lets it drain first
#   server.sh stop DIR      stops it
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

verb=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: scripts/server.sh start|crash|restart|stop DIR"
bin=${M4SH_BIN:-$(target_dir)/debug/m4sh}

pid() { cat "$dir/pid" 2>/dev/null || true; }

start() {
  mkdir -p "$dir"
  local bind=127.0.0.1:0 left=600
  [ ! -f "$dir/url" ] || bind=$(sed 's|^http://||' "$dir/url")
  [ ! -f "$dir/log" ] || cat "$dir/log" >>"$dir/log.before"
  : >"$dir/log" # here and not by the server's start, which may come after the first look below: that would find the line of before
  # Its own private database, whatever this shell has in mind for others.
  env -u DATABASE_URL -u REDIS_URL M4SH_BIND="$bind" M4SH_ADMIN_BIND=off M4SH_DATA_DIR="$dir/data" M4SH_DEMO=1 \
    nohup "$bin" serve >"$dir/log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  until grep -q 'listening on http://' "$dir/log"; do
    if ! alive "$(pid)" || [ "$left" = 0 ]; then
      cat "$dir/log" >&2
      die "the demo server did not start"
    fi
    left=$((left - 1))
    sleep 0.1
  done
  grep -om1 'listening on http://[^[:space:]"]*' "$dir/log" | sed 's/^listening on //' | tee "$dir/url"
}

# end SIGNAL
end() {
  local process
  process=$(pid)
  rm -f "$dir/pid"
  alive "$process" || return 0
  kill "-$1" "$process"
  wait_gone "$process" 30 || {
    kill -KILL "$process"
    die "the demo server did not stop within 30 s"
  }
}

case "$verb" in
start) start ;;
crash)
  end KILL
  start
  ;;
restart)
  end TERM
  start
  ;;
stop)
  end TERM
  # After a crash that was its last act, its database may have outlived it.
  for file in "$dir"/data/postmaster.pid "$dir"/data/*/postmaster.pid "$dir"/data/*/*/postmaster.pid; do
    [ -f "$file" ] || continue
    process=$(head -n 1 "$file")
    ! alive "$process" || kill -INT "$process"
    wait_gone "$process" 10 || kill -QUIT "$process"
  done
  ;;
*) die "usage: scripts/server.sh start|crash|restart|stop DIR" ;;
esac
