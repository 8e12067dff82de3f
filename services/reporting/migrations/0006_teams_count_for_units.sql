-- What a unit, a district and the province come to is the sum of what their teams did; it was kept a second time in a table
-- of its own, which each guidance changed in three places. The view is empty until the new build is in service.
drop view public.unit_total;
drop view public.team_total;
drop table model.unit_total;
drop table model.team_total;
create table model.team_total (
    campaign_id text not null,
    team_id text not null,
    unit_id text not null,
    district_id text not null,         -- empty where there is none
    unit_citizens bigint not null,     -- these three say something as sums only: of all teams of the unit,
    district_citizens bigint not null, -- of the district,
    province_citizens bigint not null, -- of the province
    sessions bigint not null,
    sessions_outside_window bigint not null,
    withdrawn bigint not null,
    primary key (campaign_id, team_id, unit_id, district_id)
);
create view public.team_total as select * from model.team_total;
delete from follow_health; -- said again when the new build is in service
