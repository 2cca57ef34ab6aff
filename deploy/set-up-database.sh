#!/bin/sh
# Makes the two databases of Temporal and brings their schemas up to date; does nothing where that is done.
set -eu
schema=/etc/temporal/schema/postgresql/v12
for each in temporal:temporal temporal_visibility:visibility; do
  name=${each%%:*}
  tool="temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db $name"
  $tool create
  # Refused where the schema has a version already.
  $tool setup-schema -v 0.0 >/dev/null 2>&1 || true
  $tool update-schema -d "$schema/${each##*:}/versioned"
done
