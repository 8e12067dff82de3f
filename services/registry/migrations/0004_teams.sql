-- Teams in time: what a team is called and where it belongs are states, valid in time and known in time, as a unit's
-- are. `team` keeps the identity, the founding, the end, and the last state of the rest.
create extension if not exists btree_gist;

alter table team add column village_id text references unit;
alter table team add column disbanded_on date; -- the last day
alter table team add column end_reason text;
alter table team add column into_team_id text references team;
alter table team add constraint team_end check ((disbanded_on is null) = (end_reason is null));
alter table team add constraint team_life check (disbanded_on >= formed_on);
create index team_village on team (village_id, team_id);

create table team_place (
    place_id bigint generated always as identity primary key,
    team_id text not null references team,
    valid_from date not null,
    valid_to date, -- the first day at another place; null: it is there still
    unit_id text not null references unit,
    level text not null,
    village text,
    village_id text references unit,
    district_id text,
    commune_id text,
    reason text not null, -- `founding`, or why the team moved there
    reform_id text,
    known_from timestamptz not null,
    known_to timestamptz, -- null: this is what is known now
    check (valid_to > valid_from),
    constraint team_place_one_a_day
        exclude using gist (team_id with =, daterange(valid_from, valid_to) with &&) where (known_to is null)
);
create index team_place_team on team_place (team_id, valid_from) where known_to is null;
create index team_place_unit on team_place (unit_id, team_id) where known_to is null;
create index team_place_village on team_place (village_id, team_id) where known_to is null;
create index team_place_commune on team_place (commune_id, team_id) where known_to is null;
create index team_place_district on team_place (district_id, team_id) where known_to is null;

create table team_name (
    name_id bigint generated always as identity primary key,
    team_id text not null references team,
    valid_from date not null,
    name text not null,
    known_from timestamptz not null,
    known_to timestamptz
);
create unique index team_name_team on team_name (team_id, valid_from) where known_to is null;

-- A person on teams. Names and phones are the vault's; the organisation here is the one last named.
create table person (
    member_id text primary key,
    organisation_id text references organisation
);
create index person_organisation on person (organisation_id, member_id);

create table membership (
    member_id text not null references person,
    team_id text not null references team,
    joined_on date not null,
    left_on date, -- the last day
    leave_reason text,
    organisation_id text references organisation,
    primary key (member_id, team_id, joined_on),
    check (left_on >= joined_on),
    check ((left_on is null) = (leave_reason is null)),
    constraint membership_once_a_day -- one text, so that no plan looks for a person or a team here: far too slow
        exclude using gist ((member_id || '/' || team_id) with =, daterange(joined_on, left_on, '[]') with &&)
);
create index membership_team on membership (team_id, member_id);
create index membership_organisation on membership (organisation_id, member_id);

create table membership_role (
    role_id bigint generated always as identity primary key,
    member_id text not null,
    team_id text not null,
    joined_on date not null,
    role text not null,
    valid_from date not null,
    known_from timestamptz not null,
    known_to timestamptz,
    check (valid_from >= joined_on),
    foreign key (member_id, team_id, joined_on) references membership
);
create unique index membership_role_member on membership_role (member_id, team_id, joined_on, valid_from)
    where known_to is null;

-- When each was recorded: as it stands in the log, else now.
create temporary table recorded on commit drop as
    select key, type, min(recorded_at) as at
    from (select key, type, recorded_at from log union all select key, type, recorded_at from stage) said
    where type in ('vn.cds.registry.team_formed.v1', 'vn.cds.registry.member_joined.v1') group by key, type;

insert into team_name (team_id, valid_from, name, known_from)
select team_id, formed_on, name, coalesce(at, now()) from team
  left join recorded on key = team_id and type = 'vn.cds.registry.team_formed.v1';

insert into team_place (team_id, valid_from, unit_id, level, village, district_id, commune_id, reason, known_from)
select t.team_id, t.formed_on, t.unit_id, t.level, t.village, t.district_id, t.commune_id, 'founding', n.known_from
from team t join team_name n using (team_id);

insert into person (member_id, organisation_id) select member_id, organisation_id from member;

insert into membership (member_id, team_id, joined_on, left_on, leave_reason, organisation_id)
select member_id, team_id, joined_on, left_on,
  case when left_on is not null then coalesce(leave_reason, 'other') end, organisation_id from member;

insert into membership_role (member_id, team_id, joined_on, role, valid_from, known_from)
select member_id, team_id, joined_on, role, joined_on, coalesce(at, now()) from member
  left join recorded on key = member_id and type = 'vn.cds.registry.member_joined.v1';

drop table recorded;
alter table vault_person drop constraint if exists vault_person_member_id_fkey;
drop table member;
