-- Shapes of the read models (schema `model`, always empty). Each column as the row types in projections/ say it; a test
-- compares them. Indexes serve the queries of store.py and are copied to every build.

create table model.unit (
    unit_id text primary key,
    code text not null,
    name text not null,
    kind text not null,
    level text not null,
    parent_id text,
    district_id text,
    valid_from date not null
);
create index unit_by_level on model.unit (level, unit_id);
create index unit_by_parent on model.unit (parent_id, unit_id);

create table model.organisation (
    organisation_id text primary key,
    name text not null,
    sector text not null,
    headcount bigint
);

create table model.campaign (
    campaign_id text primary key,
    name text not null,
    launched_on date not null,
    day_one_rule text not null,
    window_days bigint not null,
    first_day date not null,
    last_day date not null,
    quota bigint not null,
    report_due_on date not null,
    reporting_units bigint not null
);

create table model.campaign_topic (
    campaign_id text not null,
    code text not null,
    position bigint not null,
    name_vi text not null,
    name_en text not null,
    sessions bigint not null,
    primary key (campaign_id, code)
);

create table model.team (
    team_id text primary key,
    name text not null,
    level text not null,
    unit_id text not null,
    village text,
    district_id text,
    commune_id text,
    formed_on date not null
);
create index team_by_unit on model.team (unit_id, team_id);
create index team_by_district on model.team (district_id, team_id);
create index team_by_commune on model.team (commune_id, team_id);

create table model.member (
    member_id text primary key,
    team_id text not null,
    role text not null,
    organisation_id text,
    unit_id text not null,
    district_id text,
    commune_id text,
    joined_on date not null,
    left_on date
);
create index member_by_team on model.member (team_id, member_id);
create index member_by_district on model.member (district_id, member_id);
create index member_by_unit on model.member (unit_id, member_id);

create table model.member_progress (
    campaign_id text not null,
    member_id text not null,
    team_id text not null,
    citizens_in_window bigint not null,
    sessions_in_window bigint not null,
    citizens bigint not null,
    sessions bigint not null,
    withdrawn bigint not null,
    last_at timestamptz not null,
    primary key (campaign_id, member_id)
);

create table model.citizen (
    campaign_id text not null,
    citizen_ref text not null,
    visits text not null,
    primary key (campaign_id, citizen_ref)
);

create table model.unit_total (
    campaign_id text not null,
    unit_id text not null,
    citizens bigint not null,
    sessions bigint not null,
    sessions_outside_window bigint not null,
    withdrawn bigint not null,
    primary key (campaign_id, unit_id)
);

create table model.unit_day (
    campaign_id text not null,
    unit_id text not null,
    day date not null,
    received_on date not null,
    district_id text,
    sessions bigint not null,
    withdrawn bigint not null,
    primary key (campaign_id, unit_id, day, received_on)
);
create index unit_day_by_district on model.unit_day (campaign_id, district_id);

create table model.course (
    course_id text primary key,
    title text not null,
    questions bigint not null,
    pass_mark bigint not null
);

create table model.learner (
    course_id text not null,
    learner_id text not null,
    organisation_id text,
    unit_id text,
    attempts bigint not null,
    best_right bigint not null,
    passed_at timestamptz,
    primary key (course_id, learner_id)
);

create table model.organisation_result (
    course_id text not null,
    organisation_id text not null,
    enrolled bigint not null,
    passed bigint not null,
    attempts bigint not null,
    primary key (course_id, organisation_id)
);

-- Until the first build is in service, the views show that nothing is known yet.
do $$
declare shape record;
begin
    for shape in select tablename as name from pg_tables where schemaname = 'model' loop
        execute format('create view public.%I as select * from model.%I', shape.name, shape.name);
    end loop;
end $$;
