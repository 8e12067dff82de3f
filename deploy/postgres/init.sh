#!/bin/sh
# Runs once, on an empty volume: for each service a role and a database that belongs to it and that no other may enter.
set -eu

run() {
    psql --no-psqlrc -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres "$@"
}

close='revoke all on database :"name" from public'
for name in postgres template1; do
    echo "$close" | run -v name="$name"
done

# The operators' commands (status, verify, rebuild …) act as the service that they look at: `set role`.
run -v password="$PASSWORD_OPS" <<'SQL'
create role ops login noinherit password :'password';
SQL

for name in registry outreach courses reporting; do
    password=$(printenv "PASSWORD_$(echo "$name" | tr '[:lower:]' '[:upper:]')")
    run -v name="$name" -v password="$password" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke all on database :"name" from public;
grant :"name" to ops;
grant connect on database :"name" to ops;
SQL
done
