-- Whom and which earlier event a class event is about, so that a page of messages and the state of a lesson are found
-- without reading what people wrote: to whom a private message goes, whose hand, whose vote; the poll of a vote, the
-- message that was changed. In an anonymous poll `person` is a word that stands for the voter, and `author` is nobody.
ALTER TABLE class_event ADD COLUMN person uuid;
ALTER TABLE class_event ADD COLUMN about bigint;

-- For the removal of everything that somebody is part of.
CREATE INDEX class_event_person ON class_event (person) WHERE person IS NOT NULL;
