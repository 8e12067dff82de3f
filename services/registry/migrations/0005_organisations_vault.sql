-- Organisations as a tree with a history. `organisation` keeps the identity and the state that is valid last.
alter table organisation add column parent_id text references organisation;
alter table organisation add column valid_from date not null default '-infinity';
alter table organisation add column last_day date;
alter table organisation add column successor_id text references organisation;
create index organisation_parent on organisation (parent_id, organisation_id);

create table organisation_version (
    organisation_id text not null references organisation,
    valid_from date not null,
    valid_to date not null default 'infinity',
    name text not null,
    sector text not null,
    parent_id text references organisation,
    primary key (organisation_id, valid_from),
    check (valid_from < valid_to)
);
create index organisation_version_parent on organisation_version (parent_id, organisation_id);

create table headcount (
    organisation_id text not null references organisation,
    valid_from date not null,
    headcount int not null check (headcount >= 0),
    primary key (organisation_id, valid_from)
);

insert into organisation_version (organisation_id, valid_from, name, sector)
    select organisation_id, valid_from, name, sector from organisation;
insert into headcount (organisation_id, valid_from, headcount)
    select organisation_id, valid_from, headcount from organisation where headcount is not null;

-- The vault holds everybody of whom registry knows a name: members of teams, and contacts, who are on no team.
alter table vault_person drop constraint if exists vault_person_member_id_fkey;
alter table vault_person add column title text;
alter table vault_person add column legal_basis text not null default 'public_task';
alter table vault_person add column withdrawn_at timestamptz;

-- Who was erased, so that no later import brings the name back under the same id. Holds no personal data.
create table vault_erased (
    member_id text primary key,
    erased_at timestamptz not null
);

-- Every read and write of the vault. Rows are only added.
create table vault_access (
    access_id bigint generated always as identity primary key,
    at timestamptz not null,
    subject text not null,
    roles text[] not null,
    member_id text not null,
    action text not null,
    fields text[] not null,
    why text not null,
    trace text not null
);
create index vault_access_member on vault_access (member_id, access_id);
create index vault_access_subject on vault_access (subject, access_id);
create index vault_access_at on vault_access (at);

create function vault_access_is_only_added_to() returns trigger language plpgsql as $$
begin
    raise exception 'the record of who read what is only added to';
end $$;
create trigger vault_access_kept before update or delete or truncate on vault_access
    for each statement execute function vault_access_is_only_added_to();

-- A contact: who answers for a unit, an organisation or a team. The name, phone and title are in the vault.
create table contact (
    contact_id text primary key,
    unit_id text,
    organisation_id text references organisation,
    team_id text,
    since date not null,
    last_day date,
    check (num_nonnulls(unit_id, organisation_id, team_id) = 1)
);
create index contact_unit on contact (unit_id, contact_id);
create index contact_organisation on contact (organisation_id, contact_id);
create index contact_team on contact (team_id, contact_id);

-- What a person asked for about the own data, and by when it must be answered.
create table subject_request (
    request_id text primary key,
    member_id text not null,
    kind text not null,
    received_at timestamptz not null,
    due_at timestamptz not null,
    answered_at timestamptz,
    outcome text
);
create index subject_request_member on subject_request (member_id, request_id);
create index subject_request_open on subject_request (due_at, request_id) where answered_at is null;
