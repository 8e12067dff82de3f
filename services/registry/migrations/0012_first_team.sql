-- When the first team was formed: the map's slider begins there.
create index team_formed on team (formed_on);
