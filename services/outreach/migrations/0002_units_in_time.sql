-- What is followed from registry, with its days. The build in service shows the old shapes until the new one has caught
-- up; until then nobody is known, and phones that send are asked to try again.
drop view roster_unit;
drop view roster_member;
drop table model.roster_unit;
drop table model.roster_member;

create table model.roster_unit (
    unit_id text not null,
    valid_from date not null,
    valid_to date,                     -- the first day on which it no longer held
    void boolean not null,             -- brought by a reform that was taken back
    code text not null,
    name text not null,
    kind text not null,
    level text not null,
    parent_id text,
    district_id text,
    commune_id text,
    primary key (unit_id, valid_from)
);
create table model.roster_heir (
    unit_id text not null,
    effective_on date not null,
    successor_id text not null,
    void boolean not null,
    primary key (unit_id, effective_on)
);
create table model.roster_team_place (
    team_id text not null,
    valid_from date not null,
    valid_to date,
    unit_id text not null,
    level text not null,
    village text,
    village_id text,
    primary key (team_id, valid_from)
);

-- The last time of each person on each team, which is what may end; and all of them.
create table model.roster_member (
    member_id text not null,
    team_id text not null,
    joined_on date not null,
    left_on date,
    role text not null,
    organisation_id text,
    primary key (member_id, team_id)
);
create table model.roster_spell (
    member_id text not null,
    team_id text not null,
    joined_on date not null,
    left_on date,
    role text not null,
    organisation_id text,
    primary key (member_id, team_id, joined_on)
);

create view roster_unit as select * from model.roster_unit;
create view roster_heir as select * from model.roster_heir;
create view roster_team_place as select * from model.roster_team_place;
create view roster_member as select * from model.roster_member;
create view roster_spell as select * from model.roster_spell;
