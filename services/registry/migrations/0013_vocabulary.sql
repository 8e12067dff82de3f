-- The words of names, each once: a word that was mistyped is corrected here before names are looked for. Words with a
-- digit are not in it: another number is no slip.

-- What is left of a word's first twelve letters when at most two are left out. Two words that are a slip apart (a
-- letter too many, too few, another one, two swapped) leave something equal when each loses one letter, words two slips
-- apart when each loses two. services/registry/slips.py says the same, and a test holds it to that.
create function one_letter_less(word text) returns text[] language sql immutable strict parallel safe return (
    select coalesce(array_agg(distinct left(word, n - 1) || substr(word, n + 1)), '{}')
    from generate_series(1, length(word)) n);

create function slip_keys(word text) returns text[] language sql immutable strict parallel safe return (
    select array_agg(distinct key) from (
        select left(word, 12) as key
        union all select unnest(one_letter_less(left(word, 12)))
        union all select unnest(one_letter_less(one)) from unnest(one_letter_less(left(word, 12))) one) k
    where key <> '');

create function letter_words(words text) returns setof text language sql immutable strict parallel safe
    begin atomic
        select word from string_to_table(substr(words, 2), ' ') word where word ~ '^[a-z]+$';
    end;

-- Of teams: public, and nothing is taken away, as past names are found too.
create table team_word (
    word text collate "C" primary key,
    near text[] collate "C" not null generated always as (slip_keys(word)) stored
);
create index team_word_near on team_word using gin (near);
create index team_name_named on team_name (words) where known_to is null;

create function team_words_kept() returns trigger language plpgsql as $$
begin
    insert into team_word (word)
        select distinct its collate "C" from added, letter_words(added.words) its
            where not exists (select from team_word where word = its) order by 1 on conflict do nothing;
    return null;
end $$;
create trigger team_words_kept after insert on team_name referencing new table as added
    for each statement execute function team_words_kept();
insert into team_word (word) select distinct word from team_name, letter_words(words) word;

-- Teams with several names are few, and looked at one by one. A name that came when its team had one already is marked.
alter table team_name add column again boolean not null default false;
create function team_name_comes_again() returns trigger language plpgsql as $$
begin
    new.again := exists (select from team_name where team_id = new.team_id);
    return new;
end $$;
create trigger team_name_comes_again before insert on team_name
    for each row execute function team_name_comes_again();
update team_name n set again = true
    where exists (select from team_name o where o.team_id = n.team_id and o.name_id < n.name_id);
create index team_name_again on team_name (team_id) where again and known_to is null;

-- Of people: a rare word is a person's name. It is in the vault, and goes with the last one who bears it and whose name
-- may be read.
create table vault_word (
    word text collate "C" primary key,
    near text[] collate "C" not null generated always as (slip_keys(word)) stored
);
create index vault_word_near on vault_word using gin (near);

-- The rows are held until the name is committed, so that nobody takes a word away at the same moment.
create function vault_words_add(added text[]) returns void language plpgsql as $$
declare
    held int;
begin
    loop
        select count(*) into held
            from (select from vault_word where word = any(added) order by word for key share) word;
        exit when held = cardinality(added);
        insert into vault_word (word) select its from unnest(added) its
            where not exists (select from vault_word where word = its) order by 1 on conflict do nothing;
    end loop;
end $$;

create function vault_word_is_borne(word text) returns boolean language plpgsql set plan_cache_mode = force_custom_plan
as $$
begin
    return exists (select from vault_person where withdrawn_at is null
        and (words like '% ' || word || ' %' or words like '% ' || word));
end $$;

-- One at a time: two who erase the last two people with a word would each still see the other.
create function vault_words_drop(gone text[]) returns void language plpgsql as $$
declare
    its text;
begin
    if cardinality(gone) > 0 then
        perform pg_advisory_xact_lock(hashtext('vault_word'));
    end if;
    foreach its in array gone loop
        continue when vault_word_is_borne(its);
        perform from vault_word where word = its for update; -- waits for whoever is writing a name with it
        continue when vault_word_is_borne(its);
        delete from vault_word where word = its;
    end loop;
end $$;

create function vault_words_written() returns trigger language plpgsql as $$
begin
    perform vault_words_add(coalesce(array_agg(distinct word collate "C" order by word collate "C"), '{}'))
        from added, letter_words(added.words) word where added.withdrawn_at is null;
    return null;
end $$;
create trigger vault_words_written after insert on vault_person referencing new table as added
    for each statement execute function vault_words_written();

create function vault_words_changed() returns trigger language plpgsql as $$
declare
    before text[];
    now text[];
begin
    if not exists (select from removed) then
        return null; -- only new people
    end if;
    select array_agg(distinct b.word), array_agg(distinct n.word collate "C" order by n.word collate "C")
        into before, now
        from added a join removed r using (member_id)
        left join lateral (select word from letter_words(r.words) word where r.withdrawn_at is null) b on true
        left join lateral (select word from letter_words(a.words) word where a.withdrawn_at is null) n on true
        where (a.words, a.withdrawn_at is null) is distinct from (r.words, r.withdrawn_at is null);
    perform vault_words_add(array_remove(coalesce(now, '{}'), null));
    perform vault_words_drop(array(select word from unnest(array_remove(before, null)) word
        where word <> all (array_remove(now, null)) order by 1));
    return null;
end $$;
create trigger vault_words_changed after update on vault_person referencing old table as removed new table as added
    for each statement execute function vault_words_changed();

create function vault_words_erased() returns trigger language plpgsql as $$
begin
    perform vault_words_drop(array(select distinct word collate "C" from removed, letter_words(removed.words) word
        where removed.withdrawn_at is null order by 1));
    return null;
end $$;
create trigger vault_words_erased after delete on vault_person referencing old table as removed
    for each statement execute function vault_words_erased();

select vault_words_add(coalesce(array_agg(distinct word collate "C" order by word collate "C"), '{}'))
    from vault_person, letter_words(words) word where withdrawn_at is null;
