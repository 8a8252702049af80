#!/bin/sh
# Makes the data directory at the first start, and the accounts and the database that the official image would; then
# becomes the server.
set -eu

case "${1:-}" in
    -*) set -- mysqld "$@" ;;
esac
if [ "${1:-}" != mysqld ]; then
    exec "$@"
fi

if [ -z "${MYSQL_ROOT_PASSWORD-}" ] && [ -z "${MYSQL_ALLOW_EMPTY_PASSWORD-}" ]; then
    echo 'MYSQL_ROOT_PASSWORD is not set; set it, or MYSQL_ALLOW_EMPTY_PASSWORD=1' >&2
    exit 1
fi

data=/var/lib/mysql
install -d -o mysql -g mysql /run/mysqld "$data"
if [ ! -d "$data/made" ]; then
    # Under its name only when it is whole, so that a first start that was cut short is begun again.
    rm -rf "$data/making"
    mysqld --initialize-insecure --user=mysql --datadir="$data/making"
    mv "$data/making" "$data/made"
fi

text() { printf "'"; printf %s "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g"; printf "'"; }
name() { printf '`'; printf %s "$1" | sed 's/`/``/g'; printf '`'; }

# The server runs this before it accepts a connection, at every start: each statement can be repeated.
first=/run/mysqld/first.sql
install -o mysql -g mysql -m 0600 /dev/null "$first"
{
    cat <<SQL
ALTER USER root@localhost IDENTIFIED BY $(text "${MYSQL_ROOT_PASSWORD-}");
CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY $(text "${MYSQL_ROOT_PASSWORD-}");
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
SQL
    if [ -n "${MYSQL_DATABASE-}" ]; then
        cat <<SQL
CREATE DATABASE IF NOT EXISTS $(name "$MYSQL_DATABASE");
SQL
    fi
    if [ -n "${MYSQL_USER-}" ]; then
        cat <<SQL
CREATE USER IF NOT EXISTS $(text "$MYSQL_USER")@'%' IDENTIFIED BY $(text "${MYSQL_PASSWORD-}");
SQL
    fi
    if [ -n "${MYSQL_USER-}" ] && [ -n "${MYSQL_DATABASE-}" ]; then
        cat <<SQL
GRANT ALL ON $(name "$MYSQL_DATABASE").* TO $(text "$MYSQL_USER")@'%';
SQL
    fi
} > "$first"

# As in the official image, names of hosts are never looked up; no statement reads or writes files.
exec "$@" --user=mysql --datadir="$data/made" --socket=/run/mysqld/mysqld.sock \
    --pid-file=/run/mysqld/mysqld.pid --skip-name-resolve --host-cache-size=0 --secure-file-priv=NULL \
    --init-file="$first"
