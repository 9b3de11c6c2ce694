#!/usr/bin/env bash
# Takes Olim off this machine. Data and settings stay unless it is told --purge.
set -euo pipefail
purge=no
[ "${1:-}" != --purge ] || purge=yes
[ "$(id -u)" = 0 ] || { printf 'uninstall.sh: this needs root\n' >&2; exit 69; }
systemctl disable --now --quiet olim.target olim-queue.socket 2>/dev/null || true
systemctl stop olim-gateway.service olim-queue.socket 'olim-worker@*.service' 2>/dev/null || true
rm -rf /usr/lib/olim /usr/share/doc/olim /run/olim
rm -f /usr/bin/olimctl /usr/lib/sysusers.d/olim.conf /usr/lib/tmpfiles.d/olim.conf \
    /usr/lib/systemd/system/olim-queue.socket /usr/lib/systemd/system/olim-gateway.service \
    /usr/lib/systemd/system/olim-worker@.service /usr/lib/systemd/system/olim.target
systemctl daemon-reload
systemctl reset-failed 'olim-*' 2>/dev/null || true
if [ $purge = yes ]; then
    rm -rf /etc/olim /var/lib/olim
    for user in olim-gateway olim-worker; do userdel "$user" 2>/dev/null || true; done
    groupdel olim 2>/dev/null || true
fi
