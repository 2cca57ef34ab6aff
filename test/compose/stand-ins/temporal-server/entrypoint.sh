#!/bin/bash
# What the official entry point does: addresses from the container's own, the configuration from its template, then the server.
set -eu -o pipefail
own=$(getent hosts "$(hostname)" | awk '{ print $1 }')
export BIND_ON_IP=${BIND_ON_IP:-$own}
if [ "$BIND_ON_IP" = 0.0.0.0 ]; then export TEMPORAL_BROADCAST_ADDRESS=${TEMPORAL_BROADCAST_ADDRESS:-$own}; fi
export TEMPORAL_ADDRESS=${TEMPORAL_ADDRESS:-$BIND_ON_IP:7233}
render /etc/temporal/config/config_template.yaml >/etc/temporal/config/docker.yaml
exec temporal-server --env docker start
