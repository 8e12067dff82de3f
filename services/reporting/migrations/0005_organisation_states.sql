-- Where an organisation stands on which day, so that results are summed up the tree of any day. The view is empty until the
-- new build is in service; until then organisations stand where they stood last.
create table model.organisation_state (
    organisation_id text not null,
    valid_from date not null,
    name text not null,
    sector text not null,
    parent_id text,
    primary key (organisation_id, valid_from)
);
create view public.organisation_state as select * from model.organisation_state;
