-- Who may do what in the database `chat`. Run once, by a superuser, in that database:
--
--   psql -d chat -v migrate_password=… -v run_password=… -f roles.sql
--
-- chat_migrate owns the schema and changes it (`persister migrate`). chat_run reads and writes rows and nothing else
-- (`persister run` with NO_MIGRATE=1, `persister chats`). PostgreSQL 15 or newer.

CREATE ROLE chat_migrate LOGIN PASSWORD :'migrate_password';
CREATE ROLE chat_run LOGIN PASSWORD :'run_password' CONNECTION LIMIT 100;

REVOKE ALL ON DATABASE chat FROM PUBLIC;
GRANT CONNECT ON DATABASE chat TO chat_migrate, chat_run;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO chat_migrate;
GRANT USAGE ON SCHEMA public TO chat_run;

-- For whatever chat_migrate makes from here on.
ALTER DEFAULT PRIVILEGES FOR ROLE chat_migrate IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO chat_run;
ALTER DEFAULT PRIVILEGES FOR ROLE chat_migrate IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO chat_run;
