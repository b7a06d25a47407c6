#!/bin/bash
# Starts Keycloak with the realm of a trial. Secrets come from files; the realm is imported where it is not there yet.
set -euo pipefail
umask 077
KC_BOOTSTRAP_ADMIN_PASSWORD=$(cat "${KEYCLOAK_ADMIN_FILE:?}")
WOONKETEN_OIDC_SECRET=$(cat "${OIDC_SECRET_FILE:?}")
export KC_BOOTSTRAP_ADMIN_PASSWORD WOONKETEN_OIDC_SECRET # of this process and its children, not of the container
mkdir -p /opt/keycloak/data/import
cp "$(dirname "$0")/realm.json" /opt/keycloak/data/import/realm.json
exec /opt/keycloak/bin/kc.sh start --import-realm
