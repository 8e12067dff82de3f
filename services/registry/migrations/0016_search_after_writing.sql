-- A GIN index keeps what was written last in a list, and each search reads all of it: up to 4 MB, 70 ms, until a vacuum
-- came, even where nothing is found. A short list is emptied by those who write, many rows at once as before, so that an
-- import is hardly slower. New words are rare, so the indexes of vocabularies need no list.
alter index vault_person_words set (gin_pending_list_limit = 128);
alter index team_name_words set (gin_pending_list_limit = 128);
alter index unit_version_words set (gin_pending_list_limit = 128);
alter index organisation_version_words set (gin_pending_list_limit = 128);
alter index vault_word_near set (fastupdate = off);
alter index team_word_near set (fastupdate = off);
select gin_clean_pending_list(name) from unnest(array['vault_person_words', 'team_name_words', 'unit_version_words',
    'organisation_version_words', 'vault_word_near', 'team_word_near']::regclass[]) name;

-- Lists and the search read names from indexes alone where a vacuum has been. By default it comes after a fifth of a table
-- has changed; here after a fiftieth.
alter table vault_person set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02);
alter table membership set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02);
alter table membership_role set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02);
alter table team_name set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02);
