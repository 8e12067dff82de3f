-- What a follower of streams keeps beside its read models. The read models' shapes stand in schema `model` (empty tables,
-- made by the service's own migrations); each build is a schema `<projection>_<build>` with tables like them, and views
-- of the same names in `public` show the build in service.
create schema model;

create table projection (
    name text primary key,
    version int not null,          -- of the code that made the build in service
    build int not null,            -- the build in service
    last_build int not null        -- the newest build ever begun; numbers are never used twice
);

create table checkpoint (
    projection text not null,
    build int not null,
    stream text not null,          -- producing service
    pos bigint not null default 0, -- last position whose effect is in the rows
    epoch int not null default 0,  -- raised when rows change without an event (a parked event was retried)
    moved_at timestamptz not null default now(),
    primary key (projection, build, stream)
);

create table parked (
    projection text not null,
    build int not null,
    stream text not null,
    pos bigint not null,
    key text not null,
    type text not null,
    reason text not null,
    headers bytea not null,
    payload bytea not null,
    parked_at timestamptz not null default now(),
    primary key (projection, build, stream, pos)
);
create index parked_key on parked (projection, build, stream, key, pos);

-- Written once a second by the active projector, read by every API process: how far behind, and since when.
create table follow_health (
    stream text primary key,
    state text not null,           -- live, catching_up, no_stream, waiting_for_refill, unreachable, stopped
    last_seq bigint not null,
    pos bigint not null,
    checked_at timestamptz not null default now(),
    caught_up_at timestamptz not null default now()
);
