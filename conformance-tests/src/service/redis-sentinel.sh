# A Redis master, its replica, and three sentinels that watch them under the name `main`, on the first five of $PORTS.
# Where there are certificates, they speak TLS there, and plain text on the other five.
set -e
set -- $PORTS
master=$1
replica=$2
sentinels="$3 $4 $5"
shift 5
plain="$*"
if [ -e /cloakroom/key.pem ]; then
    tls="--tls-replication yes --tls-auth-clients no --tls-ca-cert-file /cloakroom/ca.pem \
        --tls-cert-file /cloakroom/certificate.pem --tls-key-file /cloakroom/key.pem"
    cli="redis-cli --tls --cacert /cloakroom/ca.pem"
else
    tls=
    cli=redis-cli
fi
# A folder of its own, and in $listen the options for that port.
prepare() {
    mkdir -p /var/tmp/sentinel/$1
    cd /var/tmp/sentinel/$1
    listen="--port $1"
    if [ "$tls" ]; then
        listen="--tls-port $1 --port ${plain%% *} $tls"
        plain=${plain#* }
    fi
}
# From a file, in which the sentinels note who has become the master: a restart must not bring the first one back, with
# what it had when it was replaced.
serve() {
    prepare $1
    if [ ! -e redis.conf ]; then
        cat >redis.conf <<END
bind 0.0.0.0
protected-mode no
appendonly yes
appendfsync $APPENDFSYNC
replica-announce-ip 127.0.0.1
$2
END
    fi
    redis-server $PWD/redis.conf $listen &
}
in_step() {
    for port in $master $replica; do
        $cli -p $port info replication 2>/dev/null || true
    done | grep -q master_link_status:up
}
if [ -e /var/tmp/sentinel/$master/redis.conf ]; then patience=50; else patience=600; fi
serve $master
serve $replica "replicaof 127.0.0.1 $master"
# Two who each take themselves for the master are brought in step by the sentinels only.
until in_step || [ $patience = 0 ]; do
    sleep 0.1
    patience=$((patience - 1))
done
for port in $sentinels; do
    prepare $port
    if [ ! -e sentinel.conf ]; then
        cat >sentinel.conf <<END
bind 0.0.0.0
protected-mode no
dir /var/tmp/sentinel/$port
sentinel announce-ip 127.0.0.1
sentinel monitor main 127.0.0.1 $master 2
sentinel down-after-milliseconds main 6000
sentinel failover-timeout main 5000
END
    fi
    redis-server $PWD/sentinel.conf --sentinel $listen &
done
wait
