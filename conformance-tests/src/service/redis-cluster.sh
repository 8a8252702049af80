# Three Redis masters with a replica each, on the six ports of $PORTS.
set -e
for port in $PORTS; do
    mkdir -p /var/tmp/cluster/$port
    cd /var/tmp/cluster/$port
    redis-server --port $port --bind 0.0.0.0 --protected-mode no --appendonly yes \
        --cluster-enabled yes --cluster-node-timeout 2000 --cluster-announce-ip 127.0.0.1 &
done
for port in $PORTS; do
    until redis-cli -p $port ping >/dev/null 2>&1; do sleep 0.1; done
done
if [ ! -e /var/tmp/cluster/made ]; then
    redis-cli --cluster create $(for port in $PORTS; do echo 127.0.0.1:$port; done) \
        --cluster-replicas 1 --cluster-yes
    for port in $PORTS; do
        until redis-cli -p $port info replication | grep -q 'master_link_status:up\|connected_slaves:1'; do sleep 0.1; done
    done
    echo yes >/var/tmp/cluster/made
fi
wait
