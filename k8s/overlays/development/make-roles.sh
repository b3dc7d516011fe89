# Run by the postgres image's entrypoint once, when the database is made.
psql -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" \
    -v migrate_password="$(cat /run/secrets/database_migrate)" \
    -v run_password="$(cat /run/secrets/database_run)" \
    -f /etc/chat/roles.sql
