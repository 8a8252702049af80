#!/bin/sh
# Takes the arguments of the official image, whose entrypoint is `java`: options of Java, `-jar DynamoDBLocal.jar`,
# options of the server.
set -eu

case "${1:-}" in
    -*) ;;
    *) exec "$@" ;;
esac

# Maven Central has no such jar, only its parts, in lib/: the class that the jar would start.
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    count=$((count - 1))
    if [ "$argument" = -jar ] && [ "$count" -gt 0 ]; then
        shift
        count=$((count - 1))
        set -- "$@" -Djava.library.path=lib -cp 'lib/*' com.amazonaws.services.dynamodbv2.local.main.ServerRunner
        # Tests tell nobody that they ran.
        set -- "$@" -disableTelemetry
    else
        [ "$argument" != -disableTelemetry ] || continue
        set -- "$@" "$argument"
    fi
done
exec java "$@"
