-- Why what was known of a unit was corrected; of the state that is known instead.
alter table unit_version add column reason text;
