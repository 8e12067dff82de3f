-- Lists of teams and of their people, in the order of the teams' names.
create index team_name_sort on team_name (sort_key, team_id) where known_to is null;
