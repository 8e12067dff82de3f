-- A unit keeps its identity; what it is called, what it is and where it belongs are states, valid in time and known in
-- time. Nothing is overwritten: a state that turns out wrong, ends or is taken back gets `known_to`, and what is known
-- from then on is another row. Codes and names identify nothing.
create table unit_version (
    unit_id text not null references unit,
    valid_from date not null,
    valid_to date, -- the first day on which it holds no longer; null: it holds still
    known_from timestamptz not null,
    known_to timestamptz, -- null: this is what is known now
    code text not null,
    name text not null,
    kind text not null,
    level text not null,
    parent_id text references unit,
    district_id text,
    commune_id text,
    edition text not null, -- the edition that brought the state; empty where none did
    reform_id text, -- the reform that brought the state
    closed_by text, -- the reform because of which the row is no longer known
    check (valid_to > valid_from),
    check (known_to >= known_from)
);
create unique index unit_version_state on unit_version (unit_id, valid_from) where known_to is null;
create unique index unit_version_open on unit_version (unit_id) where known_to is null and valid_to is null;
create index unit_version_unit on unit_version (unit_id, valid_from);
create index unit_version_parent on unit_version (parent_id, unit_id);
create index unit_version_code on unit_version (code) where known_to is null;
create index unit_version_edition on unit_version (edition);
create index unit_version_reform on unit_version (reform_id);
create index unit_version_closed on unit_version (closed_by);

insert into unit_version (unit_id, valid_from, known_from, code, name, kind, level, parent_id,
  district_id, commune_id, edition)
select u.unit_id, u.valid_from, coalesce(told.at, now()), u.code, u.name, u.kind, u.level, u.parent_id, u.district_id,
  u.commune_id, u.edition
from unit u left join (
  select key, min(recorded_at) as at
  from (select key, type, recorded_at from log union all select key, type, recorded_at from stage) every_event
  where type = 'vn.cds.registry.unit_established.v1' group by key
) told on told.key = u.unit_id;

alter table unit drop column code, drop column name, drop column kind, drop column level, drop column parent_id,
  drop column district_id, drop column commune_id, drop column edition, drop column valid_from;

create function unit_version_keeps_the_past() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.known_to is null and new.known_to is not null
      and row(new.unit_id, new.valid_from, new.valid_to, new.known_from, new.code, new.name, new.kind, new.level,
        new.parent_id, new.district_id, new.commune_id, new.edition, new.reform_id)
      is not distinct from row(old.unit_id, old.valid_from, old.valid_to, old.known_from, old.code, old.name, old.kind,
        old.level, old.parent_id, old.district_id, old.commune_id, old.edition, old.reform_id) then
        return new;
    end if;
    raise exception 'a state of a unit is closed, never changed';
end $$;
create trigger unit_version_keeps_the_past before update or delete on unit_version
    for each row execute function unit_version_keeps_the_past();
