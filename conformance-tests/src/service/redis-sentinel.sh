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
serve() {
    prepare $1
    shift
    redis-server $listen --bind 0.0.0.0 --protected-mode no --appendonly yes --replica-announce-ip 127.0.0.1 "$@" &
}
serve $master
serve $replica --replicaof 127.0.0.1 $master
until $cli -p $replica info replication 2>/dev/null | grep -q master_link_status:up; do sleep 0.1; done
for port in $sentinels; do
    prepare $port
    if [ ! -e sentinel.conf ]; then
        cat >sentinel.conf <<END
bind 0.0.0.0
protected-mode no
dir /var/tmp/sentinel/$port
sentinel announce-ip 127.0.0.1
sentinel monitor main 127.0.0.1 $master 2
sentinel down-after-milliseconds main 2000
sentinel failover-timeout main 5000
END
    fi
    redis-server $PWD/sentinel.conf --sentinel $listen &
done
wait
