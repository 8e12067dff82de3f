-- What a topic taught is counted apart from what it is called: counters are only added to. The topics are not shown until
-- the new builds are in service; everything else goes on as it is.
drop view public.campaign_topic;
alter table model.campaign_topic drop column sessions;
create table model.topic_total (
    campaign_id text not null,
    code text not null,
    sessions bigint not null,
    primary key (campaign_id, code)
);
create view public.campaign_topic as select * from model.campaign_topic;
create view public.topic_total as select * from model.topic_total;
