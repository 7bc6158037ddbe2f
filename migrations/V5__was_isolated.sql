-- Whether pupils' work on a lesson's shared board was ever hidden from one another: from then on files that hold a whole
-- state of it are not for everybody.

ALTER TABLE class_session ADD COLUMN was_isolated boolean NOT NULL DEFAULT false;
