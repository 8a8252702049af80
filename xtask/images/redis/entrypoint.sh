#!/bin/sh
# Starts $SERVER (redis or valkey) with the arguments that the official image takes.
set -eu

# Options or a file alone are the server's.
case "${1:-}" in
    '' | -* | *.conf) set -- "$SERVER-server" "$@" ;;
esac

if [ "$1" = "$SERVER-server" ]; then
    shift
    # A configuration file comes first. A sentinel decides on protected mode by itself.
    file=
    case "${1:-}" in
        '' | -*) ;;
        *) file=$1; shift ;;
    esac
    case " $* " in
        *' --sentinel '* | ' --version ' | ' -v ' | ' --help ') set -- ${file:+"$file"} "$@" ;;
        # As the official images do: reachable from outside of the container without a password.
        *) set -- ${file:+"$file"} --protected-mode no "$@" ;;
    esac
    set -- "$SERVER-server" "$@"
    if [ "$(id -u)" = 0 ]; then
        find . \! -user "$SERVER" -exec chown "$SERVER" {} +
        set -- setpriv --reuid="$SERVER" --regid="$SERVER" --clear-groups "$@"
    fi
fi
exec "$@"
