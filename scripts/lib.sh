# Sourced by the other scripts: what each of them needs of the machine.
# shellcheck shell=bash
OLIM_ROOT=${OLIM_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
export OLIM_ROOT

readonly BUILD_PACKAGES=(
    ca-certificates git pkg-config
    libpq-dev libssl-dev libsystemd-dev libzstd-dev zlib1g-dev libxxhash-dev libsimdjson-dev libsqlite3-dev
    libcctz-dev libcairo2-dev fonts-dejavu-core
)
# shellcheck disable=SC2034 # used by test.sh
readonly TEST_PACKAGES=(openssl postgresql python3 python3-venv)

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'olim: %s\n' "$*" >&2; exit 69; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs those of the named Debian packages that are missing; asks nothing.
require_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || fail "these packages are missing: ${missing[*]} (installed here only with apt-get)"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        fail "as root, run: apt-get install ${missing[*]}"
    fi
    say "Installing ${missing[*]}"
    # Debian's postgresql package starts a server of its own unless told not to; the tests start theirs.
    if [[ " ${missing[*]} " == *" postgresql "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null
}

require_swift() {
    if ! command -v swift >/dev/null; then
        cat >&2 <<'TEXT'
olim: Swift 6.2 or later is needed, and there is no `swift` here. Either install it:

    curl -O https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz
    tar zxf swiftly-$(uname -m).tar.gz && ./swiftly init
    ./olim up

or run everything in Docker instead:

    docker run --rm -it -v "$PWD":/olim -w /olim swift:6.2-bookworm ./olim up
TEXT
        exit 69
    fi
    local version
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -1)
    if [ "$(printf '%s\n6.2\n' "$version" | sort -V | head -1)" != 6.2 ]; then
        fail "Swift 6.2 or later is needed, this is ${version:-of unknown version}; see https://www.swift.org/install"
    fi
}

# What handles every event is built without checking at run time that no two accesses overlap, dependencies included: that
# costs a tenth of an event. Debug builds, in which the tests and the simulation run, do check.
readonly RELEASE=(-c release -Xswiftc -enforce-exclusivity=unchecked)

build_release() {
    require_packages "${BUILD_PACKAGES[@]}"
    require_swift
    say "Building (the first time takes some minutes)"
    local product
    for product in "$@"; do swift build "${RELEASE[@]}" --product "$product"; done
}

# The release build whose insides tests can reach; the programs are in it, too.
# shellcheck disable=SC2034 # used by those that test it
readonly TESTABLE=("${RELEASE[@]}" -Xswiftc -enable-testing --scratch-path "$OLIM_ROOT/.build-testable")

# Builds everything, but of the tests only the suites named.
build_testable() {
    require_packages "${BUILD_PACKAGES[@]}"
    require_swift
    say "Building in release mode (the first time takes some minutes)"
    OLIM_SUITES=$* swift build --build-tests "${TESTABLE[@]}"
}

release_directory() { swift build "${RELEASE[@]}" --show-bin-path; }

testable_directory() { swift build "${TESTABLE[@]}" --show-bin-path; }

# Compiles one of Benchmarks/peers to $OLIM_PEERS: its name, then what it is linked with.
build_peer() {
    cc -O2 -Wall -Wextra -Werror -o "$OLIM_PEERS/$1" "$OLIM_ROOT/Benchmarks/peers/$1.c" "${@:2}"
}

# What counts a program's work, and what stands before its C library meanwhile.
build_counters() {
    require_packages binutils gcc libc6-dev strace valgrind
    local name
    for name in count_allocations writable_sigsuspend; do
        cc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$OLIM_PEERS/$name.so" "$OLIM_ROOT/Benchmarks/peers/$name.c"
    done
}

# Counts what an event costs the gateway of the testable build, and compares with what was recorded.
run_guard() {
    OLIM_BIN=$(testable_directory)
    OLIM_PEERS=$OLIM_ROOT/.build/bench-peers
    export OLIM_BIN OLIM_PEERS
    mkdir -p "$OLIM_PEERS"
    build_counters
    python3 -B "$OLIM_ROOT/Benchmarks/guard.py" "$@"
}
