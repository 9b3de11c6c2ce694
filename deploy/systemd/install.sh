#!/usr/bin/env bash
# Installs Olim for systemd, or brings an installation up to date. It may be run again and again.
#
#   install.sh [--root DIRECTORY] [--bin DIRECTORY]
#
# --bin: where olim-gateway, olim-worker and olimctl have been built (./olim build says where).
# --root: another root directory, for packages and tests; then nothing is started.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root='' bin=$here/../../.build/release
while [ $# -gt 0 ]; do
    case $1 in
        --root) root=${2:?"--root needs a directory"}; shift 2 ;;
        --bin) bin=${2:?"--bin needs a directory"}; shift 2 ;;
        *) printf 'install.sh: unknown option "%s"\n' "$1" >&2; exit 64 ;;
    esac
done
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 69; }
[ "$(id -u)" = 0 ] || fail "this needs root: sudo $0"
for program in olim-gateway olim-worker olimctl; do
    [ -x "$bin/$program" ] || fail "there is no $bin/$program; run ./olim build, or name the directory with --bin"
done

install -d "$root/usr/lib/olim" "$root/usr/bin" "$root/usr/lib/systemd/system" "$root/usr/lib/sysusers.d" \
    "$root/usr/lib/tmpfiles.d" "$root/usr/share/doc/olim"
# Programs that run go on with the old file until they are restarted.
for program in olim-gateway olim-worker olimctl; do
    install -m 0755 "$bin/$program" "$root/usr/lib/olim/$program.new"
    mv "$root/usr/lib/olim/$program.new" "$root/usr/lib/olim/$program"
done
ln -sf ../lib/olim/olimctl "$root/usr/bin/olimctl"
install -m 0644 "$here"/olim-queue.socket "$here"/olim-gateway.service "$here"/olim-worker@.service "$here"/olim.target \
    "$root/usr/lib/systemd/system/"
install -m 0644 "$here/sysusers.d/olim.conf" "$root/usr/lib/sysusers.d/olim.conf"
install -m 0644 "$here/tmpfiles.d/olim.conf" "$root/usr/lib/tmpfiles.d/olim.conf"
install -m 0644 "$here/../../docs/operations.md" "$root/usr/share/doc/olim/"
[ -z "$root" ] || exit 0

systemd-sysusers olim.conf
systemd-tmpfiles --create olim.conf
systemctl daemon-reload
systemctl enable --quiet olim.target olim-queue.socket
if [ ! -s /etc/olim/discord_token ]; then
    cat <<'TEXT'
Olim is installed. Give it the bot's token, and start it:

    (umask 077; cat > /etc/olim/discord_token)      # paste, Enter, Ctrl-D
    systemctl start olim.target
    olimctl --socket /run/olim/control.sock status
TEXT
elif systemctl is-active --quiet olim-gateway.service; then
    echo "Olim is up to date on the disk. Restart the workers one after another, then, if you like, the gateway:"
    echo
    echo "    $here/rolling-restart.sh"
    echo "    systemctl restart olim-gateway"
else
    systemctl start olim.target
    echo "Olim is installed and started: olimctl --socket /run/olim/control.sock status"
fi
