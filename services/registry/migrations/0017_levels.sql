-- Levels and kinds of units are data. Four levels are what everything counts at; below a commune there may be any number
-- more, all of which count as villages. A kind belongs to one level. Neither is ever changed: states of units name them.
create table unit_level (
    level_id text primary key,
    rank int not null unique, -- a unit lies below units of a smaller rank only
    counts_as text not null check (counts_as in ('province', 'district', 'commune', 'village')),
    name_vi text not null,
    name_en text not null,
    check ((rank > 300) = (counts_as = 'village'))
);
insert into unit_level (level_id, rank, counts_as, name_vi, name_en) values
    ('province', 100, 'province', 'cấp tỉnh', 'province level'),
    ('district', 200, 'district', 'cấp huyện', 'district level'),
    ('commune', 300, 'commune', 'cấp xã', 'commune level'),
    ('village', 400, 'village', 'cấp thôn', 'village level');

create table unit_kind (
    kind_id text primary key,
    level_id text not null references unit_level,
    word_vi text not null unique, -- what stands in front of a name
    word_en text not null,
    place int generated always as identity -- their order in lists
);
insert into unit_kind (kind_id, level_id, word_vi, word_en) values
    ('province', 'province', 'Tỉnh', 'province'),
    ('provincial_city', 'district', 'Thành phố', 'city'),
    ('town', 'district', 'Thị xã', 'town'),
    ('district', 'district', 'Huyện', 'district'),
    ('commune', 'commune', 'Xã', 'commune'),
    ('ward', 'commune', 'Phường', 'ward'),
    ('township', 'commune', 'Thị trấn', 'township'),
    ('special_zone', 'commune', 'Đặc khu', 'special zone'),
    ('hamlet', 'village', 'Thôn', 'hamlet'),
    ('village', 'village', 'Làng', 'village'),
    ('ethnic_village', 'village', 'Bản', 'ethnic village'),
    ('residential_group', 'village', 'Tổ dân phố', 'residential group'),
    ('residential_area', 'village', 'Khu dân cư', 'residential area');

-- The own level of a unit that counts as a village and is none; null: it is one of the four.
alter table unit_version add column level_id text references unit_level;
alter table unit_version add constraint unit_version_own_level check (level_id is null or level = 'village');
