#!/bin/bash
# What the official entry point does for the variables that our compose file sets: a cluster with that user as its owner, whose
# password is asked for over the network, and a server that listens on all addresses.
set -eu
chown -R postgres:postgres "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  setpriv --reuid postgres --regid postgres --init-groups initdb --username "$POSTGRES_USER" --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD") \
    --auth-local trust --auth-host trust -D "$PGDATA"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  setpriv --reuid postgres --regid postgres --init-groups pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  psql -U "$POSTGRES_USER" -h /var/run/postgresql -d postgres -c "CREATE DATABASE \"${POSTGRES_DB:-$POSTGRES_USER}\"" || true
  setpriv --reuid postgres --regid postgres --init-groups pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec setpriv --reuid postgres --regid postgres --init-groups "$@" -c listen_addresses='*'
