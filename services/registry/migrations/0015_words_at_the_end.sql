-- The words of names are settled when a transaction ends, all of them in one order. As they were written, two that
-- brought the same new words in another order waited for each other, and whoever came with a new word of a long import
-- waited until its end.
drop trigger team_words_kept on team_name;
drop trigger vault_words_written on vault_person;
drop trigger vault_words_changed on vault_person;
drop trigger vault_words_erased on vault_person;
drop function team_words_kept, vault_words_written, vault_words_changed, vault_words_erased, vault_words_add,
    vault_words_drop;

-- Until then they stand in a setting of the transaction, each behind a mark: = of a team, + of a person, - of a name that
-- is there no longer. A savepoint that is rolled back takes its words along.
create function words_noted(mark text, words text[]) returns void language plpgsql as $$
declare
    due text := coalesce(nullif(current_setting('phongtrao.words_due', true), ''), ' ');
    its text;
begin
    foreach its in array words loop
        if strpos(due, ' ' || mark || its || ' ') = 0 then
            due := due || mark || its || ' ';
        end if;
    end loop;
    if cardinality(words) > 0 then
        due := set_config('phongtrao.words_due', due, true);
    end if;
end $$;

create function team_words_noted() returns trigger language plpgsql as $$
begin
    perform words_noted('=', array(select distinct word from added, letter_words(added.words) word));
    return null;
end $$;
create trigger team_words_noted after insert on team_name referencing new table as added
    for each statement execute function team_words_noted();

create function vault_words_written() returns trigger language plpgsql as $$
begin
    perform words_noted('+', array(
        select distinct word from added, letter_words(added.words) word where added.withdrawn_at is null));
    return null;
end $$;
create trigger vault_words_written after insert on vault_person referencing new table as added
    for each statement execute function vault_words_written();

create function vault_words_changed() returns trigger language plpgsql as $$
begin
    perform words_noted('+', array(
        select distinct word from added a join removed r using (member_id), letter_words(a.words) word
            where a.withdrawn_at is null and (a.words <> r.words or r.withdrawn_at is not null)));
    perform words_noted('-', array(
        select distinct word from added a join removed r using (member_id), letter_words(r.words) word
            where r.withdrawn_at is null and (a.withdrawn_at is not null
                or a.words <> r.words and not exists (select from letter_words(a.words) its where its = word))));
    return null;
end $$;
create trigger vault_words_changed after update on vault_person referencing old table as removed new table as added
    for each statement execute function vault_words_changed();

create function vault_words_erased() returns trigger language plpgsql as $$
begin
    perform words_noted('-', array(
        select distinct word from removed, letter_words(removed.words) word where removed.withdrawn_at is null));
    return null;
end $$;
create trigger vault_words_erased after delete on vault_person referencing old table as removed
    for each statement execute function vault_words_erased();

create function words_of(due text, mark text) returns setof text language sql immutable strict parallel safe
    begin atomic
        select substr(word, 2) from string_to_table(due, ' ') word where left(word, 1) = mark;
    end;

-- Nothing is locked behind this but the commit. Locks, always in this order: words of teams, the turn to take words of
-- people away, the vocabulary of people (writers together, or one who takes away alone), words of people.
create function words_settled() returns trigger language plpgsql as $$
declare
    due constant text := current_setting('phongtrao.words_due', true);
    none constant text := set_config('phongtrao.words_due', '', true);
    gone text[];
begin
    if due = none then
        return null; -- another call has settled all
    end if;
    if strpos(due, ' =') > 0 then
        insert into team_word (word) select its from words_of(due, '=') its
            where not exists (select from team_word where word = its) order by its collate "C" on conflict do nothing;
    end if;
    if strpos(due, ' -') > 0 then -- two who erase the last two people with a word would each still see the other
        perform pg_advisory_xact_lock(hashtext('vault_word.gone'));
        gone := array(select its from words_of(due, '-') its where not vault_word_is_borne(its));
    end if;
    if cardinality(gone) > 0 then -- whoever writes a name with it is before this, and seen, or behind and brings it back
        perform pg_advisory_xact_lock(hashtext('vault_word'));
    elsif strpos(due, ' +') > 0 then
        perform pg_advisory_xact_lock_shared(hashtext('vault_word'));
    end if;
    if exists (select from words_of(due, '+') its where not exists (select from vault_word where word = its)) then
        insert into vault_word (word) select its from words_of(due, '+') its
            where not exists (select from vault_word where word = its) order by its collate "C" on conflict do nothing;
    end if;
    if cardinality(gone) > 0 then
        delete from vault_word where word = any(gone) and not vault_word_is_borne(word);
    end if;
    return null;
end $$;

-- The first statement of a transaction that notes a word calls for it; the others need not.
create constraint trigger words_settled after insert on team_name deferrable initially deferred for each row
    when (coalesce(current_setting('phongtrao.words_due', true), '') = '') execute function words_settled();
create constraint trigger words_settled after insert or update or delete on vault_person
    deferrable initially deferred for each row
    when (coalesce(current_setting('phongtrao.words_due', true), '') = '') execute function words_settled();
