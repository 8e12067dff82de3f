-- A producer's events. `stage` is where a command's transaction puts them; the sequencer moves committed rows to `log`,
-- whose positions have no gap and never change (invariant 2).
create table stage (
    id bigint generated always as identity primary key,
    event_id text not null,
    type text not null,
    subject text not null,
    key text not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    trace text not null default '',
    payload text not null,
    staged_at timestamptz not null default now() -- the database's clock, for lags; recorded_at is the service's
);

create table log (
    pos bigint primary key,
    stage_id bigint not null unique, -- the same staged row can never get two positions
    event_id text not null,
    type text not null,
    subject text not null,
    key text not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    trace text not null,
    payload text not null,
    staged_at timestamptz not null
);

create function log_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the event log is kept for ever: % refused', tg_op;
end $$;

create trigger log_is_append_only before update or delete on log
    for each statement execute function log_is_append_only();
create trigger log_is_kept before truncate on log
    for each statement execute function log_is_append_only();
