# A Redis master, its replica, and three sentinels that watch them under the name `main`, on the five ports of $PORTS.
set -e
set -- $PORTS
master=$1
replica=$2
shift 2
serve() {
    mkdir -p /var/tmp/sentinel/$1
    cd /var/tmp/sentinel/$1
    redis-server --bind 0.0.0.0 --protected-mode no --appendonly yes --replica-announce-ip 127.0.0.1 --port "$@" &
}
serve $master
serve $replica --replicaof 127.0.0.1 $master
until redis-cli -p $replica info replication 2>/dev/null | grep -q master_link_status:up; do sleep 0.1; done
for port in "$@"; do
    mkdir -p /var/tmp/sentinel/$port
    configuration=/var/tmp/sentinel/$port/sentinel.conf
    if [ ! -e $configuration ]; then
        cat >$configuration <<END
port $port
bind 0.0.0.0
protected-mode no
dir /var/tmp/sentinel/$port
sentinel announce-ip 127.0.0.1
sentinel monitor main 127.0.0.1 $master 2
sentinel down-after-milliseconds main 2000
sentinel failover-timeout main 5000
END
    fi
    redis-server $configuration --sentinel &
done
wait
