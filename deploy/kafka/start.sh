#!/bin/bash
# Starts the one broker of docker-compose.yml. Its password comes from a secret and reaches no environment.
set -euo pipefail
umask 077
password=$(cat "${KAFKA_PASSWORD_FILE:?}")
cluster=$(cat "${KAFKA_CLUSTER_FILE:?}")
settings="${TMPDIR:-/tmp}/server.properties"
sed -e "s|@PASSWORD@|$password|g" -e "s|@ADVERTISED@|${KAFKA_ADVERTISED:?}|" "$(dirname "$0")/server.properties" > "$settings"
# Makes the folder at the first start, with the user that everything else is made by; later it changes nothing.
"${KAFKA_HOME:-/opt/kafka}"/bin/kafka-storage.sh format --ignore-formatted -t "$cluster" -c "$settings" \
  --add-scram "SCRAM-SHA-512=[name=admin,password=$password]"
exec "${KAFKA_HOME:-/opt/kafka}"/bin/kafka-server-start.sh "$settings"
