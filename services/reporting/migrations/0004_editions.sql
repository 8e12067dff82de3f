-- The name that registry gives to the first map. Later maps are named by the reform that brought them. The view is empty
-- until the new build is in service; everything else goes on as it is.
create table model.edition (
    edition text not null,
    valid_from date not null,
    primary key (edition, valid_from)
);
create view public.edition as select * from model.edition;
