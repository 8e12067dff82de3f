-- Finding and sorting Vietnamese names. The functions say what shared/vietnamese.py says, and a test holds them to it;
-- here they make the keys themselves, so that nobody who writes a name can forget them. Their bodies name no table and
-- depend on no collation: the same bytes on every server.
create extension if not exists pg_trgm;

create function search_key(name text) returns text language sql immutable strict parallel safe return trim(replace(
    regexp_replace(regexp_replace(lower(regexp_replace(translate(
        normalize(name collate "C", nfd),
        E'ĐđɃƀ\u0300\u0309\u0303\u0301\u0323\u0306\u0302\u031b''’‘ʼ`', 'DdBb'), '[\u0300-\u036f]', '', 'g') collate "C"),
        '[^a-z0-9]+', ' ', 'g'), '(^|[^aeiouy])y', '\1i', 'g'), 'quy', 'qui'));

-- With a space before each word: «like '% dung%'» finds a word that begins so, the first one too.
create function search_words(name text) returns text language sql immutable strict parallel safe
    return ' ' || search_key(name);

-- A unit's words without its kind in front.
create function bare_words(name text) returns text language sql immutable strict parallel safe return regexp_replace(
    search_words(name),
    '^ (khu dan cu|to dan pho|thanh pho|thi tran|dac khu|khu pho'
    '|thi xa|phuong|huyen|buon|khoi|lang|quan|thon|tinh|tdp|kdc|ban|ap|tp|tt|tx|dk|xa|h|p|q|x) (?=[a-z])', ' ');

-- What can be seen of a name: letters with their marks behind them, Đ and Ƀ too.
create function sort_text(name text) returns text language sql immutable strict parallel safe return translate(
    regexp_replace(normalize(regexp_replace(name collate "C",
        '[\u0001-\u001f\u007f\u00ad\u200b-\u200f\u2060\ufeff]', '', 'g'), nfd),
        '[ĐđɃƀ]', E'\\&\u0302', 'g'), 'ĐđɃƀ', 'DdBb');

-- First the letters; a mark that makes another letter weighs more than any letter that could follow.
create function sort_letters(seen text) returns text language sql immutable strict parallel safe return translate(
    lower(regexp_replace(translate(seen, E'\u0300\u0309\u0303\u0301\u0323', ''),
        '[\u0304\u0305\u0307-\u031a\u031c-\u036f]', '', 'g') collate "C"),
    E'\u0306\u0302\u031b ' || case when seen ~ '[^a-zA-Z0-9 \u0300-\u036f\u0001]' then
        E'_-\u2010–—,;:!?.·''"«»()[]{}@*/\\&#%•`^°+×<=>|~\u2212$\u00a0\u2011‘’“”'
        else '' end,
    E'{|}\2'
        '\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\31\32\33\34\35\36\37 !'
        '"#$%&''()*+,\2\5\17\17\20\20');

-- Then the tones (none, huyền, hỏi, ngã, sắc, nặng): each weighs more than the next letter.
create function sort_tones(seen text) returns text language sql immutable strict parallel safe return translate(
    lower(seen collate "C"), E'\u0300\u0309\u0303\u0301\u0323', E'\uf8f1\uf8f2\uf8f3\uf8f4\uf8f5');

-- Then the case: small before capital.
create function sort_case(seen text) returns text language sql immutable strict parallel safe return regexp_replace(
    regexp_replace(translate(seen, E'\u0300\u0309\u0303\u0301\u0323\u0306\u0302\u031b', ''),
    '[\u0300-\u036f]', '', 'g'), '[A-Z]', '~', 'g');

create function sort_key(name text) returns bytea language sql immutable strict parallel safe return (
    select convert_to(sort_letters(seen), 'UTF8') || '\x00'::bytea || convert_to(sort_tones(seen), 'UTF8')
        || '\x00'::bytea || convert_to(sort_case(seen), 'UTF8')
    from (select sort_text(name) as seen offset 0) s);

-- Given name (the last word) before middle names and surname; the case of all at the end.
create function person_sort_key(full_name text) returns bytea language sql immutable strict parallel safe return (
    select convert_to(sort_letters(given), 'UTF8') || '\x00'::bytea || convert_to(sort_tones(given), 'UTF8')
        || '\x00'::bytea || convert_to(sort_letters(others), 'UTF8')
        || '\x00'::bytea || convert_to(sort_tones(others), 'UTF8')
        || '\x00'::bytea || convert_to(sort_case(given || E'\1' || others), 'UTF8')
    from (
        select coalesce(words[cardinality(words)], '') as given,
            array_to_string(words[2:cardinality(words) - 1], ' ') || E'\1'
            || case when cardinality(words) > 1 then words[1] else '' end as others
        from (select array_remove(string_to_array(
            sort_text(regexp_replace(full_name collate "C", '[\t-\r \u00a0]+', ' ', 'g')), ' '), '') as words
            offset 0) w offset 0) p);

-- A person's keys are as personal as the name: they stand in its row of the vault and go with it.
alter table vault_person
    add column words text collate "C" generated always as (search_words(full_name)) stored,
    add column sort_key bytea generated always as (person_sort_key(full_name)) stored;
create index vault_person_name on vault_person (words);
create index vault_person_words on vault_person using gin (words gin_trgm_ops);
create index vault_person_sort on vault_person (sort_key, member_id) include (words) where withdrawn_at is null;

-- Names of units, teams and organisations are public; each of their states has its keys.
create or replace function unit_version_keeps_the_past() returns trigger language plpgsql as $$
declare
    free constant text[] := '{known_to,closed_by,words,bare,sort_key}'; -- keys are made after this has looked
begin
    if tg_op = 'UPDATE' and old.known_to is null and new.known_to is not null
      and to_jsonb(new) - free = to_jsonb(old) - free then
        return new;
    end if;
    raise exception 'a state of a unit is closed, never changed';
end $$;
alter table unit_version
    add column words text collate "C" generated always as (search_words(name)) stored,
    add column bare text collate "C" generated always as (bare_words(name)) stored,
    add column sort_key bytea generated always as (sort_key(name)) stored;
alter table team_name
    add column words text collate "C" generated always as (search_words(name)) stored,
    add column sort_key bytea generated always as (sort_key(name)) stored;
alter table organisation_version
    add column words text collate "C" generated always as (search_words(name)) stored,
    add column sort_key bytea generated always as (sort_key(name)) stored;
create index unit_version_named on unit_version (words) where known_to is null;
create index unit_version_bare on unit_version (bare) where known_to is null;
create index unit_version_words on unit_version using gin (words gin_trgm_ops) where known_to is null;
create index team_name_words on team_name using gin (words gin_trgm_ops) where known_to is null;
create index organisation_version_words on organisation_version using gin (words gin_trgm_ops);

-- Lists of people: who holds a role, in the order of days.
create index membership_role_held on membership_role (role, member_id) where known_to is null;
create index membership_joined on membership (joined_on, member_id, team_id);
