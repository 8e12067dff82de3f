-- How far the writing of an upload is. Written beside the transaction that writes it, so that others see it come along;
-- nothing depends on it, and it need not survive a crash.
create unlogged table vault_import_progress (
    import_id text primary key,
    rows_done int not null,
    touched_at timestamptz not null
);
