#!/bin/bash
# What the image docker.io/library/postgres does that is used here: makes the cluster with its user, database and password, and
# serves it; over TLS alone, where /tls has a certificate.
set -euo pipefail
data=/var/lib/postgresql/data
bin=$(echo /usr/lib/postgresql/*/bin)
as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }

if [ ! -s "$data/PG_VERSION" ]; then
    install -d -o postgres -g postgres -m 700 "$data"
    install -o postgres -m 400 "$POSTGRES_PASSWORD_FILE" /tmp/password
    as_postgres "$bin/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --auth-local=trust >/dev/null
    rm /tmp/password
    echo "CREATE DATABASE $POSTGRES_DB" | as_postgres "$bin/postgres" --single -D "$data" postgres >/dev/null
    if [ -e /tls/server.crt ]; then echo "hostssl all all all scram-sha-256"; else echo "host all all all scram-sha-256"; fi >>"$data/pg_hba.conf"
fi
options=(-c "listen_addresses=*")
if [ -e /tls/server.crt ]; then
    install -o postgres -m 400 /tls/server.crt /tls/server.key /tmp/
    options+=(-c ssl=on -c ssl_cert_file=/tmp/server.crt -c ssl_key_file=/tmp/server.key)
fi
install -d -o postgres -g postgres /var/run/postgresql
exec setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D "$data" "${options[@]}"
