-- Reforms that were executed. What they did with the units is in `unit_version`; here is what was decided and who
-- follows whom. A reversal notes `reversed_at` and deletes nothing.
create table reform (
    reform_id text primary key,
    effective_on date not null,
    edition text, -- the edition that the map then equals
    edition_before text, -- the edition that is in force again after a reversal
    legal_basis jsonb not null,
    changes jsonb not null, -- as the event tells them
    heirs jsonb not null,
    recorded_at timestamptz not null,
    reversed_at timestamptz
);
create index reform_day on reform (effective_on, reform_id);

create table lineage (
    reform_id text not null references reform,
    predecessor_id text not null references unit,
    successor_id text not null references unit,
    part text not null,
    how text not null,
    effective_on date not null,
    reversed_at timestamptz,
    primary key (reform_id, predecessor_id, successor_id)
);
create index lineage_predecessor on lineage (predecessor_id, effective_on);
create index lineage_successor on lineage (successor_id, effective_on);

create table reform_move (
    reform_id text not null references reform,
    number int not null, -- the order in which the events tell them
    team_id text not null references team,
    before jsonb not null,
    after jsonb not null,
    primary key (reform_id, number)
);
create index reform_move_team on reform_move (team_id);

create index unit_version_newer on unit_version (valid_from) where known_to is null;
