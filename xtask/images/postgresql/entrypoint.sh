#!/bin/sh
# Makes the cluster at the first start, as the official image does, then becomes the server.
set -eu

case "${1:-}" in
    -*) set -- postgres "$@" ;;
esac
if [ "${1:-}" != postgres ]; then
    exec "$@"
fi

if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -g postgres -m 0700 "$PGDATA"
    install -d -o postgres -g postgres -m 2775 /var/run/postgresql
    # What is printed must stay writable for the postgres user.
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}

# Written last, so that a first start that was cut short is begun again.
made=$PGDATA/made_by_entrypoint
if [ ! -e "$made" ]; then
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo 'POSTGRES_PASSWORD is not set; set it, or POSTGRES_HOST_AUTH_METHOD=trust' >&2
        exit 1
    fi
    find "$PGDATA" -mindepth 1 -delete
    password=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:-unused}" > "$password"
    # Nothing is lost by not syncing here: where the machine dies now, the cluster is made anew.
    initdb --no-sync --username="$user" --pwfile="$password" --auth-local=trust --auth-host="$method" \
        --encoding=UTF8 --data-checksums ${POSTGRES_INITDB_ARGS:-}
    rm "$password"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    echo "host all all all $method" >> "$PGDATA/pg_hba.conf"
    # As from the official image, the line "ready to accept connections" comes from this server (on the standard
    # output) and from the real one (on the standard error).
    pg_ctl --silent --wait --options="-c listen_addresses=''" start
    if [ "$database" != postgres ]; then
        createdb --username="$user" --maintenance-db=postgres "$database"
    fi
    pg_ctl --silent --wait --mode=fast stop
    touch "$made"
    echo 'PostgreSQL init process complete; ready for start up.'
fi
exec "$@"
