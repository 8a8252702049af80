# Three Redis masters with a replica each, on the first six of $PORTS. Where there are certificates, they speak TLS
# there, and plain text on the other six.
set -e
set -- $PORTS
nodes="$1 $2 $3 $4 $5 $6"
shift 6
if [ -e /cloakroom/key.pem ]; then
    tls="--tls-cluster yes --tls-replication yes --tls-auth-clients no --tls-ca-cert-file /cloakroom/ca.pem \
        --tls-cert-file /cloakroom/certificate.pem --tls-key-file /cloakroom/key.pem"
    cli="redis-cli --tls --cacert /cloakroom/ca.pem"
else
    tls=
    cli=redis-cli
fi
for port in $nodes; do
    listen="--port $port"
    if [ "$tls" ]; then
        listen="--tls-port $port --port $1 $tls"
        shift
    fi
    mkdir -p /var/tmp/cluster/$port
    cd /var/tmp/cluster/$port
    redis-server $listen --bind 0.0.0.0 --protected-mode no --appendonly yes --appendfsync $APPENDFSYNC \
        --cluster-enabled yes --cluster-node-timeout 2000 --cluster-announce-ip 127.0.0.1 &
done
for port in $nodes; do
    until $cli -p $port ping >/dev/null 2>&1; do sleep 0.1; done
done
if [ ! -e /var/tmp/cluster/made ]; then
    $cli --cluster create $(for port in $nodes; do echo 127.0.0.1:$port; done) \
        --cluster-replicas 1 --cluster-yes
    for port in $nodes; do
        until $cli -p $port info replication | grep -q 'master_link_status:up\|connected_slaves:1'; do sleep 0.1; done
    done
    echo yes >/var/tmp/cluster/made
fi
wait
