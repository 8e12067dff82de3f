-- Where a team was on record until a reform was taken back: its page says so.
create index team_place_voided on team_place (team_id, known_to) where known_to is not null;
