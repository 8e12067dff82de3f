-- What a command with a client-made id was answered, so that a phone may send it again blindly. No personal data: the
-- body is kept as a digest only, the answer holds ids.
create table receipt (
    command text not null,
    id text not null,
    digest text not null,
    answer text not null default '{}',
    stage_id bigint,
    at timestamptz not null default now(),
    primary key (command, id)
);
