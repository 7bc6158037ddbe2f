#!/usr/bin/env bash
# Holds a running server against its own description: the document is valid OpenAPI 3.1, and requests made from it, good and bad,
# are answered as it says. The server needs the demo school and roomy rates; it should be one that may be thrown away.
#   schemathesis.sh URL EMAIL PASSWORD
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

url=${1:-} email=${2:-} password=${3:-}
[ -n "$password" ] || die "usage: scripts/schemathesis.sh URL EMAIL PASSWORD"

token() {
  .venv/bin/python - "$url" "$email" "$password" <<'PYTHON'
import json, sys, urllib.request
url, email, password = sys.argv[1:]
body = json.dumps({"email": email, "password": password}).encode()
print(json.load(urllib.request.urlopen(f"{url}/api/v1/auth/login/", body, timeout=20))["access"])
PYTHON
}

document=$(mktemp)
trap 'rm -f "$document"' EXIT
.venv/bin/python -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' "$url/api/v1/openapi.json" "$document"
.venv/bin/openapi-spec-validator "$document" >/dev/null

M4SH_TOKEN=$(token) M4SH_LOGOUT_TOKEN=$(token) PYTHONHASHSEED=0
export M4SH_TOKEN M4SH_LOGOUT_TOKEN PYTHONHASHSEED
.venv/bin/schemathesis --config-file scripts/schemathesis.toml run "$url/api/v1/openapi.json" --no-color
