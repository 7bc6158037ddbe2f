#!/usr/bin/env bash
# Builds a release with LTO into target/dist: the stripped program with licences and an example configuration as one archive, its debug symbols
# as another, and the checksums of both.
#   release.sh [TARGET]     TARGET: a target of rustc, such as x86_64-unknown-linux-musl for a static binary; default: this machine's
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

host=$(rustc -vV | sed -n 's/^host: //p')
target=${1:-$host}
have objcopy || die "objcopy is missing: install binutils"
version=$(cargo pkgid -p m4sh | sed 's/.*[@#]//')
name=m4sh-$version-$target
dist=$(target_dir)/dist

cargo build --release --locked --bin m4sh --target "$target"
built=$(target_dir)/$target/release/m4sh

rm -rf "$dist/m4sh-$version" && mkdir -p "$dist/m4sh-$version"
cp LICENSE-* CHANGELOG.md config/example.toml deploy/nginx/m4sh.conf "$dist/m4sh-$version/"
objcopy --only-keep-debug --compress-debug-sections "$built" "$dist/m4sh.debug"
objcopy --strip-all --add-gnu-debuglink="$dist/m4sh.debug" "$built" "$dist/m4sh-$version/m4sh"

tar -C "$dist" -czf "$dist/$name.tar.gz" "m4sh-$version"
tar -C "$dist" -czf "$dist/$name.debug.tar.gz" m4sh.debug
rm -rf "$dist/m4sh-$version" "$dist/m4sh.debug"
(cd "$dist" && sha256sum "$name.tar.gz" "$name.debug.tar.gz" >"$name.sha256")
cat "$dist/$name.sha256"
