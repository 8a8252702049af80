#!/bin/sh
# Makes the cluster at the first start, then runs PostgreSQL and, in front of it, FerretDB.
set -eu

if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -g postgres -m 0700 "$PGDATA" .
    install -d -o postgres -g postgres -m 2775 /var/run/postgresql
    # What is printed must stay writable for the postgres user.
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

# Written last, so that a first start that was cut short is begun again.
made=$PGDATA/made_by_entrypoint
if [ ! -e "$made" ]; then
    find "$PGDATA" -mindepth 1 -delete
    # Nobody outside of the container reaches it. Nothing is lost by not syncing here: where the machine dies now, the
    # cluster is made anew.
    initdb --no-sync --username=postgres --auth=trust --encoding=UTF8
    cat >> "$PGDATA/postgresql.conf" <<- END
		shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
		# Every two seconds, it looks for indexes to build.
		cron.log_statement = off
	END
fi
pg_ctl --silent --wait start
if [ ! -e "$made" ]; then
    psql --quiet --username=postgres --command='CREATE EXTENSION documentdb CASCADE'
    touch "$made"
fi

ferretdb &
ferretdb=$!
trap 'kill "$ferretdb"' TERM INT
# The first is cut short by the signal.
wait "$ferretdb" || wait "$ferretdb" || true
pg_ctl --silent --mode=fast stop
