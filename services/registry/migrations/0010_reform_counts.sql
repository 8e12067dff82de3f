-- What a list of reforms says of each, so that it need not read everything that they did.
alter table reform
    add column established int not null generated always as
        (jsonb_array_length(jsonb_path_query_array(changes, '$[*] ? (@.change == "established")'))) stored,
    add column changed int not null generated always as
        (jsonb_array_length(jsonb_path_query_array(changes, '$[*] ? (@.change == "changed")'))) stored,
    add column abolished int not null generated always as
        (jsonb_array_length(jsonb_path_query_array(changes, '$[*] ? (@.change == "abolished")'))) stored;
