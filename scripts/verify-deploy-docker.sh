#!/usr/bin/env bash
# Builds the Dockerfile with buildah on images made here, checks the image, and runs the compose files of deploy/ with it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"
readonly LIMIT=125 # MB (10^6 bytes) above the base
readonly PODMAN=$OLIM_ROOT/Tests/Deploy/podman.sh
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot

[ "$(id -u)" = 0 ] || fail "this needs root"
require_packages buildah podman runc debootstrap binutils python3 python3-venv openssl iptables containernetworking-plugins \
    golang-github-containernetworking-plugin-dnsname
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An image made of another and some of Debian's packages.
make_image() {
    local name=$1 from=$2 container
    shift 2
    buildah inspect --type image "localhost/$name" >/dev/null 2>&1 && return
    container=$(buildah from "localhost/$from")
    buildah run --network host "$container" sh -c \
        'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 \
        && rm -rf /var/lib/apt/lists/*' sh "$@" || fail "the packages of $name cannot be installed"
    buildah commit -q --rm "$container" "localhost/$name" >/dev/null
}

make_base() {
    buildah inspect --type image localhost/olim-base >/dev/null 2>&1 && return
    debootstrap --variant=minbase bookworm "$work/base" http://deb.debian.org/debian >"$work/debootstrap.log" 2>&1 \
        || { tail -5 "$work/debootstrap.log" >&2; fail "no base image could be made"; }
    rm -rf "$work"/base/var/cache/apt/* "$work"/base/var/lib/apt/lists/*
    local container
    container=$(buildah from scratch)
    buildah add -q "$container" "$work/base" / >/dev/null
    buildah commit -q --rm "$container" localhost/olim-base >/dev/null
}

# The whole Dockerfile. The toolchain is this machine's, lent to the build; so are copies of packages that git finds here.
build_whole() {
    local toolchain mirror lent=()
    toolchain=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")")
    echo "toolchain: this machine's, in $toolchain, for docker.io/library/swift"
    make_image olim-swift-packages olim-base binutils ca-certificates git libc6-dev libcurl4-openssl-dev libedit2 libgcc-12-dev \
        libncurses6 libpython3-dev libsqlite3-0 libstdc++-12-dev libxml2-dev libz3-dev pkg-config tzdata zlib1g-dev
    local container
    container=$(buildah from localhost/olim-swift-packages)
    buildah config --env "PATH=$toolchain/usr/bin:/usr/bin:/bin:/usr/sbin:/sbin" "$container"
    while read -r key value; do
        mirror=${key#url.} mirror=${mirror%.insteadof}
        [ -d "$mirror" ] || continue
        buildah run "$container" git config --system --add "url.$mirror.insteadOf" "$value"
        [[ " ${lent[*]} " == *" $mirror:"* ]] || { lent+=(--volume "$mirror:$mirror:ro"); echo "packages: those of $value in $mirror"; }
    done < <(git config --get-regexp '^url\..*\.insteadof$' || true)
    buildah run "$container" git config --system safe.directory '*'
    buildah commit -q --rm "$container" localhost/olim-swift >/dev/null
    buildah build --format docker --network host --volume "$toolchain:$toolchain:ro" "${lent[@]}" \
        --build-arg SWIFT_IMAGE=localhost/olim-swift --build-arg RUNTIME_IMAGE=localhost/olim-base -t localhost/olim . \
        >"$work/build.log" 2>&1 || { tail -30 "$work/build.log" >&2; fail "the Dockerfile cannot be built"; }
}

# The stages that compile are left out: their outcome is made here of programs that are there.
build_runtime() {
    local out=$work/inventory/out program container
    echo "stages build and inventory: the programs in $OLIM_BIN; the Dockerfile's own commands in these two are not run"
    mkdir -p "$out/bin" "$out/lib" "$out/share"
    for program in olim-gateway olim-worker olimctl; do strip -o "$out/bin/$program" "$OLIM_BIN/$program"; done
    ldd "$out"/bin/* | sed -nE 's#.* => (/.*/swift/linux/[^ ]+) .*#\1#p' | sort -u | xargs -I{} cp {} "$out/lib/"
    strip --strip-unneeded "$out"/lib/*.so
    cp Package.resolved LICENSE "$out/share/"
    local base=(--network host --build-arg RUNTIME_IMAGE=localhost/olim-base)
    buildah build -q --format docker --layers "${base[@]}" --target packages -t localhost/olim-packages . >/dev/null
    container=$(buildah from localhost/olim-packages)
    buildah run "$container" cat /var/lib/dpkg/status >"$work/dpkg-status"
    buildah rm "$container" >/dev/null
    python3 scripts/sbom.py spdx --resolved Package.resolved --dpkg "$work/dpkg-status" >"$out/share/sbom.spdx.json"
    buildah build -q --format docker --layers "${base[@]}" --build-context "inventory=$work/inventory" -t localhost/olim . >/dev/null
}

make_postgres() {
    make_image olim-postgres-packages olim-base postgresql postgresql-client
    local container
    container=$(buildah from localhost/olim-postgres-packages)
    buildah copy -q --chmod 755 "$container" Tests/Deploy/postgres.sh /usr/local/bin/postgres.sh >/dev/null
    buildah config --cmd '["postgres.sh"]' --volume /var/lib/postgresql/data "$container"
    buildah commit -q --rm "$container" localhost/olim-postgres >/dev/null
}

say "Building the image. Substituted:"
echo "base image: debootstrap's bookworm (minbase) for docker.io/library/debian:bookworm-slim"
make_base
if [ -n "${OLIM_BIN:-}" ]; then
    build_runtime
else
    require_swift
    build_whole
    build_release olim-simulator
    OLIM_BIN=$(release_directory)
fi
export OLIM_BIN
echo "PostgreSQL: Debian's, in an image made here, for docker.io/library/postgres"
make_postgres

say "Running from it: read-only, uid 1000, no network, no capability"
run() { "$PODMAN" run --rm --read-only --network none --cap-drop all localhost/olim "$@"; }
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
size_of() { "$PODMAN" image inspect --format '{{.Size}}' "$1"; }
above=$((($(size_of localhost/olim) - $(size_of localhost/olim-base)) / 1000000))
echo "$above MB above the base (at most $LIMIT)"
[ "$above" -le "$LIMIT" ] || fail "the image is too large"

say "The compose files at work, under podman. Substituted:"
echo "docker compose: podman-compose; health checks are run when somebody asks, for want of a systemd that would time them"
echo "Discord: the simulator on this host, over TLS"
environment=$OLIM_ROOT/.build/podman-compose
[ -x "$environment/bin/podman-compose" ] \
    || { python3 -m venv "$environment" && "$environment/bin/pip" -q install podman-compose==1.5.0; }
export PODMAN_COMPOSE=$environment/bin/podman-compose PYTHONDONTWRITEBYTECODE=1
python3 Tests/Deploy/containers.py
