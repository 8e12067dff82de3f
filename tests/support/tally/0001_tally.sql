-- Shapes of the read model that the delivery tests use.
create table model.team_tally (
    team_id text primary key,
    district_id text not null,
    version bigint not null,
    out_of_order bigint not null,
    trail text not null
);
create table model.district_tally (
    district_id text primary key,
    teams bigint not null,
    events bigint not null
);
create table model.district_count (
    district_id text primary key,
    first_id text,
    events bigint not null,
    last_at timestamptz not null
);
