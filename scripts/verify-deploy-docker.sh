#!/usr/bin/env bash
# Builds the runtime stages of the Dockerfile with buildah, checks the image, and runs its programs from it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"
readonly LIMIT=125 # MB (10^6 bytes) above the base
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot

[ "$(id -u)" = 0 ] || fail "this needs root"
require_packages buildah podman runc debootstrap binutils python3
if [ -z "${OLIM_BIN:-}" ]; then
    build_release olim-gateway olim-worker olimctl
    OLIM_BIN=$(release_directory)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "Substituted"
echo "base image: debootstrap's bookworm (minbase) for debian:bookworm-slim"
echo "stages build and inventory: the programs in $OLIM_BIN; the Dockerfile's own commands in these two are not run"
if ! buildah inspect --type image localhost/olim-base >/dev/null 2>&1; then
    debootstrap --variant=minbase bookworm "$work/base" http://deb.debian.org/debian >"$work/debootstrap.log" 2>&1 \
        || { tail -5 "$work/debootstrap.log" >&2; fail "no base image could be made"; }
    rm -rf "$work"/base/var/cache/apt/* "$work"/base/var/lib/apt/lists/*
    container=$(buildah from scratch)
    buildah add -q "$container" "$work/base" / >/dev/null
    buildah commit -q --rm "$container" localhost/olim-base >/dev/null
fi

say "Building the image"
out=$work/inventory/out
mkdir -p "$out/bin" "$out/lib" "$out/share"
for program in olim-gateway olim-worker olimctl; do strip -o "$out/bin/$program" "$OLIM_BIN/$program"; done
ldd "$out"/bin/* | sed -nE 's#.* => (/.*/swift/linux/[^ ]+) .*#\1#p' | sort -u | xargs -I{} cp {} "$out/lib/"
strip --strip-unneeded "$out"/lib/*.so
cp Package.resolved LICENSE "$out/share/"
base=(--network host --build-arg RUNTIME_IMAGE=localhost/olim-base)
buildah build -q --format docker --layers "${base[@]}" --target packages -t localhost/olim-packages . >/dev/null
container=$(buildah from localhost/olim-packages)
buildah run "$container" cat /var/lib/dpkg/status >"$work/dpkg-status"
buildah rm "$container" >/dev/null
python3 scripts/sbom.py spdx --resolved Package.resolved --dpkg "$work/dpkg-status" >"$out/share/sbom.spdx.json"
buildah build -q --format docker --layers "${base[@]}" --build-context "inventory=$work/inventory" -t localhost/olim . >/dev/null

say "Running from it: read-only, uid 1000, no network, no capability"
# Both limits are given because podman otherwise asks for more than a machine without CAP_SYS_RESOURCE may set.
run() {
    podman --runtime runc --cgroup-manager cgroupfs run --rm --no-healthcheck --read-only --network none --cap-drop all \
        --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 localhost/olim "$@"
}
for program in olim-gateway olim-worker olimctl; do echo "$program $(run "$program" --version)"; done
[ "$(run id -u)" = 1000 ] || fail "the image does not run as uid 1000"
run touch /var/lib/olim/file 2>/dev/null && fail "the file system can be written to"
run test -s /usr/share/olim/sbom.spdx.json || fail "the image has no inventory"
run test ! -e /usr/bin/olim-simulator || fail "the simulator is in the image"

say "What the image says of itself"
buildah inspect --type image localhost/olim | python3 -c '
import json, sys
config = json.load(sys.stdin)["Docker"]["config"]
wanted = {"User": "1000:1000", "StopSignal": "SIGTERM", "Cmd": ["olim-gateway"], "ExposedPorts": None}
wrong = [f"{key} is {config.get(key)}" for key, value in wanted.items() if (config.get(key) or None) != value]
if (config.get("Healthcheck") or {}).get("Test") not in (["CMD", "olimctl", "health"],):
    wrong.append("HEALTHCHECK is %s" % config.get("Healthcheck"))
print("\n".join(wrong) or "user, signal, command, health check: as wanted; no port, no shell in any")
sys.exit(bool(wrong))'

say "Size"
size_of() { podman image inspect --format '{{.Size}}' "$1"; }
above=$((($(size_of localhost/olim) - $(size_of localhost/olim-base)) / 1000000))
echo "$above MB above the base (at most $LIMIT)"
[ "$above" -le "$LIMIT" ] || fail "the image is too large"
