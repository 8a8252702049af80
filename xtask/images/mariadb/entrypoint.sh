#!/bin/sh
# Makes the accounts and the database that the official image would, then becomes the server.
set -eu

case "${1:-}" in
    -*) set -- mariadbd "$@" ;;
esac
case "${1:-}" in
    mariadbd | mysqld) ;;
    *) exec "$@" ;;
esac

password=${MARIADB_ROOT_PASSWORD-${MYSQL_ROOT_PASSWORD-}}
if [ -z "$password" ] && [ -z "${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD-${MYSQL_ALLOW_EMPTY_PASSWORD-}}" ]; then
    echo 'MARIADB_ROOT_PASSWORD is not set; set it, or MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1' >&2
    exit 1
fi
database=${MARIADB_DATABASE-${MYSQL_DATABASE-}}
user=${MARIADB_USER-${MYSQL_USER-}}
user_password=${MARIADB_PASSWORD-${MYSQL_PASSWORD-}}

text() { printf "'"; printf %s "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g"; printf "'"; }
name() { printf '`'; printf %s "$1" | sed 's/`/``/g'; printf '`'; }

# The server runs this before it accepts a connection, at every start: each statement can be repeated.
first=/run/mysqld/first.sql
install -d -o mysql -g mysql /run/mysqld
install -o mysql -g mysql -m 0600 /dev/null "$first"
{
    # The tables of accounts are read after this file; statements about accounts need them now.
    cat <<SQL
FLUSH PRIVILEGES;
ALTER USER root@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD($(text "$password"));
CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY $(text "$password");
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
SQL
    if [ -n "$database" ]; then
        cat <<SQL
CREATE DATABASE IF NOT EXISTS $(name "$database");
SQL
    fi
    if [ -n "$user" ]; then
        cat <<SQL
CREATE USER IF NOT EXISTS $(text "$user")@'%' IDENTIFIED BY $(text "$user_password");
SQL
    fi
    if [ -n "$user" ] && [ -n "$database" ]; then
        cat <<SQL
GRANT ALL ON $(name "$database").* TO $(text "$user")@'%';
SQL
    fi
} > "$first"

exec "$@" --user=mysql --init-file="$first"
