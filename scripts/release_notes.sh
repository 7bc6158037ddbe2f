#!/usr/bin/env bash
# Prints the section of CHANGELOG.md for a version. Fails when there is none.
#   release_notes.sh VERSION
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=${1:?usage: scripts/release_notes.sh VERSION}
notes=$(awk -v heading="## $version " 'index($0 " ", heading) == 1 {found = 1; next} /^## / {found = 0} found' CHANGELOG.md)
[ -n "$notes" ] || die "CHANGELOG.md has no section for $version"
say "$notes"
