# PostgreSQL and, in front of it, PgBouncer in transaction mode: few connections, which transactions take in turn, so
# that what one leaves on its connection is not there for the next.
set -e
mkdir -p /var/tmp/pgbouncer
cd /var/tmp/pgbouncer
echo "\"$POSTGRES_USER\" \"$POSTGRES_PASSWORD\"" >users
cat >pgbouncer.ini <<END
[databases]
* = host=127.0.0.1 port=5432
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
auth_type = scram-sha-256
auth_file = /var/tmp/pgbouncer/users
pool_mode = transaction
default_pool_size = 20
server_round_robin = 1
max_client_conn = 2000
END
chown -R postgres .
entrypoint.sh postgres -c max_connections=100 &
# After a connection that was refused, it waits for long.
until pg_isready --quiet --host=127.0.0.1; do sleep 0.1; done
setpriv --reuid=postgres --regid=postgres --init-groups pgbouncer --quiet pgbouncer.ini &
wait
