-- What is followed from registry, with its days. Until the new build has caught up, nothing is known.
drop view known_unit;
drop view known_organisation;
drop table model.known_unit;
drop table model.known_organisation;

create table model.known_unit (
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
create view known_unit as select * from model.known_unit;

create table model.known_organisation (
    organisation_id text primary key,
    name text not null,
    sector text not null,
    valid_from date,
    last_day date,
    successor_id text
);
create view known_organisation as select * from model.known_organisation;
