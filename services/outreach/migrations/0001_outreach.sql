create table campaign (
    campaign_id text primary key,
    name text not null,
    launched_on date not null,
    day_one_rule text not null,
    window_days int not null,
    first_day date not null,
    last_day date not null,
    quota int not null,
    topics text[] not null,
    report_due_on date not null,
    reporting_unit_ids text[] not null
);

create table guidance (
    guidance_id text primary key,
    digest text not null,              -- of all that was sent, to tell a re-send from a clash
    campaign_id text not null references campaign,
    member_id text not null,
    team_id text not null,
    citizen_ref text not null,         -- keyed hash; what the citizen was named by is not kept
    topics text[] not null,
    place text not null,
    unit_id text not null,
    district_id text,
    commune_id text,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    withdrawn_at timestamptz,
    withdraw_reason text,
    withdraw_note text
);
create index guidance_member on guidance (member_id, occurred_at desc, guidance_id);

-- Followed from registry; read through views of the same names.
create table model.roster_unit (
    unit_id text primary key,
    level text not null,
    name text not null
);
create table model.roster_member (
    member_id text primary key,
    team_id text not null,
    unit_id text not null,
    district_id text,
    commune_id text,
    joined_on date not null,
    left_on date
);

-- Until the first build is in service, the views show that nobody is known yet.
create view roster_unit as select * from model.roster_unit;
create view roster_member as select * from model.roster_member;
