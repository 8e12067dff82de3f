-- Files that somebody uploaded and that are not written yet. They hold names and phones, so all of it is the vault's:
-- lines are deleted when they are committed, and after seven days.
create table vault_import (
    import_id text primary key,
    kind text not null,
    state text not null, -- waiting, reading, checking, checked, failed, committed, purged
    file_name text,
    size int not null,
    digest text not null,
    subject text not null, -- who uploaded it
    roles text[] not null,
    units text[] not null, -- whose lines these may be
    created_at timestamptz not null,
    touched_at timestamptz not null,
    sheet text,
    letters jsonb not null default '{}', -- the letter of each column, by key
    rows_total int,
    rows_done int not null default 0,
    summary jsonb not null default '{}',
    problem jsonb, -- why it failed
    committed_at timestamptz,
    purged_at timestamptz
);
create index vault_import_subject on vault_import (subject, import_id);
create index vault_import_due on vault_import (created_at) where purged_at is null;

create table vault_import_row (
    import_id text not null references vault_import on delete cascade,
    number int not null, -- as the spreadsheet counts
    cells jsonb not null,
    given jsonb not null, -- what reading the sheet had to say
    outcome text,
    remarks jsonb not null default '[]',
    primary key (import_id, number)
);
create index vault_import_row_outcome on vault_import_row (import_id, outcome, number);

-- The secret with which ids are made of names: whoever reads the bus cannot try names against ids.
create table vault_import_key (
    key bytea not null check (length(key) = 32)
);
create unique index vault_import_key_one on vault_import_key ((true));
insert into vault_import_key values (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
