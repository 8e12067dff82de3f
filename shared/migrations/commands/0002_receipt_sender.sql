-- Whose command it was, and with which rights it was sent: only who may do it is told what it was answered. Both are
-- digests that hold the command and its id too, so that two receipts never show that they are of one person. Empty: a
-- receipt from before they were kept.
alter table receipt add column sender text not null default '', add column rights text not null default '';
