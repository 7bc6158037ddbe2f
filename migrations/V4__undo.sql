-- What a batch is to those who take things back, beside the batch itself, so that both are saved or neither is: after a
-- restart everybody can take back what they could before, and what was cleared comes back.
--
-- All three are NULL for rows of before, which cannot be taken back, and most often for later ones, too: a NULL costs a
-- bit. Servers of the version before write rows without them.
ALTER TABLE journal
    ADD COLUMN course smallint,   -- NULL: an edit; 1 undo, 2 redo, 3 clear, 4 unclear
    ADD COLUMN regard bigint,     -- the revision that 1, 2 and 4 are about; the number of items that a clear took
    ADD COLUMN back   bytea;      -- how it is taken back; '' when that was too much to keep, NULL when there is no way

-- What a clear took is compressed already.
ALTER TABLE journal ALTER COLUMN back SET STORAGE EXTERNAL;

-- "What was cleared here": few of a board's many rows.
CREATE INDEX journal_clear ON journal (board, rev) WHERE course IN (3, 4);
