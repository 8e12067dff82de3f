-- Finding and sorting Vietnamese names. The functions say what shared/vietnamese.py says, and a test holds them to it;
-- here they make the keys themselves, so that nobody who writes a name can forget them. Their bodies name no table and
-- depend on no collation: the same bytes on every server.
create extension if not exists pg_trgm;

create function search_key(name text) returns text language sql immutable strict parallel safe return trim(
    regexp_replace(regexp_replace(translate(
        regexp_replace(normalize(translate(name collate "C", 'ĐđɃƀ', 'DdBb'), nfd), '[\u0300-\u036f''’‘ʼ`]', '', 'g'),
        'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'),
        '[^a-z0-9]+', ' ', 'g'), '(?<![aeou])y|(?<=qu)y', 'i', 'g'));

-- With a space before each word: «like '% dung%'» finds a word that begins so, the first one too.
create function search_words(name text) returns text language sql immutable strict parallel safe
    return ' ' || search_key(name);

create function bare_words(name text) returns text language sql immutable strict parallel safe return regexp_replace(
    search_words(name),
    '^ (khu dan cu|to dan pho|thanh pho|thi tran|dac khu|khu pho|thi'
    ' xa|phuong|huyen|buon|khoi|lang|quan|thon|tinh|tdp|kdc|ban|ap|tp|tt|tx|dk|xa|h|p|q|x) (?=[a-z])', ' ');

-- The text with what is never seen taken out, composed.
create function sort_text(name text) returns text language sql immutable strict parallel safe return normalize(
    regexp_replace(name collate "C", '[\u0001-\u001f\u007f\u00ad\u200b-\u200f\u2060\ufeff]', '', 'g'), nfc);

-- First the letters: tones go, ă â ê ô ơ ư step aside while other marks are taken off, then each gets its rank.
create function sort_letters(composed text) returns bytea language sql immutable strict parallel safe
    return convert_to(translate(regexp_replace(normalize(
        translate(composed,
        'ÀÁÃàáãẠạẢảÈÉèéẸẹẺẻẼẽÌÍìíĨĩỈỉỊịÒÓÕòóõỌọỎỏÙÚùúŨũỤụỦủÝýỲỳỴỵỶỷỸỹĐɃĂăẮắẰằẲẳẴẵẶặÂâẤấẦầ' ||
        'ẨẩẪẫẬậÊêẾếỀềỂểỄễỆệÔôỐốỒồỔổỖỗỘộƠơỚớỜờỞởỠỡỢợƯưỨứỪừỬửỮữỰự',
        repeat('a', 10) || repeat('e', 10) || repeat('i', 10) || repeat('o', 10) || repeat('u', 10) ||
        repeat('y', 10) || 'đ' || 'ƀ' || repeat(E'\ue036', 12) || repeat(E'\ue037', 12) || repeat(E'\ue03e', 12) ||
        repeat(E'\ue049', 12) || repeat(E'\ue04a', 12) || repeat(E'\ue051', 12)),
        nfd), '[\u0300-\u036f]', '', 'g'),
        E' \u00a0_-\u2010\u2011–—,;:!?.·''‘’"“”«»()[]{}@*/\\&#%•`^°+×<=>|~\u2212$0123456789A' ||
        E'aĂă\ue036Ââ\ue037BbƀɃCcDdĐđEeÊê\ue03eFfGgHhIiJjKkLlMmNnOoÔô\ue049Ơơ\ue04aPpQqRrSsTtUu' ||
        E'Ưư\ue051VvWwXxYyZz',
        '!!"#$$%&''()*+,-...///0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUV' ||
        E'VWWWXXXYYZZ[[\\\\]]^^___``aabbccddeeffgghhiijjjkkkllmmnnooppqq' || 'rrrssttuuvvww'), 'UTF8');

-- Then the tones: none, huyền, hỏi, ngã, sắc, nặng, another mark. An end is lower than any, so the none at it go.
create function sort_tones(composed text) returns bytea language sql immutable strict parallel safe
    return convert_to(rtrim(regexp_replace(
        translate(composed,
        E' !"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmno' ||
        E'pqrstuvwxyz{|}~«°·»ÂÊÔ×âêôĂăĐđƀƠơƯưɃ\u2010–—•\u2212ÀÈÌÒÙàèìòùẦầẰằỀềỒồỜờỪừỲỳẢảẨẩẲẳẺẻỂểỈỉỎỏỔ' ||
        'ổỞởỦủỬửỶỷÃÕãõĨĩŨũẪẫẴẵẼẽỄễỖỗỠỡỮữỸỹÁÉÍÓÚÝáéíóúýẤấẮắẾếỐốỚớỨứẠạẬậẶặẸẹỆệỊịỌọỘộỢợỤụỰựỴ' || 'ỵ',
        repeat(E'\1', 121) || repeat(E'\2', 24) || repeat(E'\3', 24) || repeat(E'\4', 24) || repeat(E'\5', 24) ||
        repeat(E'\6', 24)),
        E'[^\1-\6]', E'\7', 'g'), E'\1'), 'UTF8');

-- Then the case: small before capital.
create function sort_case(composed text) returns bytea language sql immutable strict parallel safe
    return convert_to(rtrim(regexp_replace(regexp_replace(composed,
        '[A-ZÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝĂĐĨŨƠƯɃẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆỈỊỌỎỐỒỔỖỘỚỜỞỠỢỤỦỨ'
        'ỪỬỮỰỲỴỶỸ]', E'\2', 'g'), E'[^\2]', E'\1', 'g'), E'\1'), 'UTF8');

create function sort_key(name text) returns bytea language sql immutable strict parallel safe
    return sort_letters(sort_text(name)) || '\x00'::bytea || sort_tones(sort_text(name)) || '\x00'::bytea
        || sort_case(sort_text(name));

-- Given name (the last word), middle names, surname: of each the letters and tones; the case of all at the end.
create function person_sort_key(full_name text) returns bytea language sql immutable strict parallel safe return (
    select sort_letters(given) || '\x00'::bytea || sort_tones(given) || '\x00'::bytea
        || sort_letters(middle) || '\x00'::bytea || sort_tones(middle) || '\x00'::bytea
        || sort_letters(surname) || '\x00'::bytea || sort_tones(surname) || '\x00'::bytea
        || sort_case(given) || '\x00'::bytea || sort_case(middle) || '\x00'::bytea || sort_case(surname)
    from (select coalesce(substring(words from '[^ ]+$'), '') as given,
            coalesce(substring(words from '^[^ ]+ (.+) [^ ]+$'), '') as middle,
            coalesce(substring(words from '^([^ ]+) '), '') as surname
        from (select trim(regexp_replace(name, ' +', ' ', 'g')) as words
            from (select sort_text(regexp_replace(full_name collate "C", '[\t-\r \u00a0]+', ' ', 'g')) as name) n) w) p);

-- A person's keys are as personal as the name: they stand in its row of the vault and go with it.
alter table vault_person
    add column words text collate "C" generated always as (search_words(full_name)) stored,
    add column sort_key bytea generated always as (person_sort_key(full_name)) stored;
create index vault_person_words on vault_person using gin (words gin_trgm_ops);
create index vault_person_sort on vault_person (sort_key, member_id) include (words) where withdrawn_at is null;
