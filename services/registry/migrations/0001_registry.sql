create table unit (
    unit_id text primary key,
    code text not null,
    name text not null,
    kind text not null,
    level text not null,
    parent_id text references unit,
    district_id text,
    commune_id text,
    edition text not null,
    valid_from date not null
);
create index unit_parent on unit (parent_id, unit_id);
create index unit_level on unit (level, unit_id);

create table organisation (
    organisation_id text primary key,
    name text not null,
    sector text not null,
    headcount int
);

create table team (
    team_id text primary key,
    name text not null,
    level text not null,
    unit_id text not null references unit,
    village text,
    district_id text,
    commune_id text,
    decision_number text not null,
    decision_date date not null,
    formed_on date not null
);
create index team_unit on team (unit_id, team_id);
create index team_district on team (district_id, team_id);
create index team_commune on team (commune_id, team_id);

create table member (
    member_id text primary key,
    team_id text not null references team,
    role text not null,
    organisation_id text references organisation,
    joined_on date not null,
    left_on date,
    leave_reason text
);
create index member_team on member (team_id, member_id);

-- Personal data: read and written only here, never published. Erasing a row keeps every count.
create table vault_person (
    member_id text primary key references member,
    full_name text not null,
    phone text
);
