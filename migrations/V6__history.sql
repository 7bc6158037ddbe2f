-- The past of boards: who was erased from which, and what the old room client knows of a lesson and of people.

-- Boards from whose past a person was erased. The rows are few and tell every process that an owner of an older epoch
-- shows what is there no more; they also say that it was done, without saying about whom.
CREATE TABLE board_erasure (
    board uuid        NOT NULL REFERENCES board ON DELETE CASCADE,
    epoch bigint      NOT NULL,
    at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT board_erasure_pkey PRIMARY KEY (board, epoch)
);

CREATE INDEX board_erasure_at ON board_erasure (at);

-- The same of a lesson's events: whoever remembers them reads them anew.
CREATE TABLE lesson_erasure (
    session uuid        NOT NULL CONSTRAINT lesson_erasure_pkey PRIMARY KEY REFERENCES class_session ON DELETE CASCADE,
    at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX lesson_erasure_at ON lesson_erasure (at);

-- The old room client knows people by whole numbers (contract/boards.md 2.10).
ALTER TABLE account ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT account_number UNIQUE;

-- What that client says of a lesson and expects to read again. `phase` is NULL while a lesson simply goes on; whether
-- it has ended is `status`.
ALTER TABLE class_session ADD COLUMN kind text NOT NULL DEFAULT 'lesson'
    CHECK (kind IN ('lesson', 'solo', 'group', 'demo'));
ALTER TABLE class_session ADD COLUMN phase text CHECK (phase IN ('scheduled', 'waiting', 'paused'));
ALTER TABLE class_session ADD COLUMN scheduled_start timestamptz;
ALTER TABLE class_session ADD COLUMN scheduled_end timestamptz;
ALTER TABLE class_session ADD COLUMN started_at timestamptz;
ALTER TABLE class_session ADD COLUMN terminated boolean NOT NULL DEFAULT false;
ALTER TABLE class_session ADD COLUMN settings jsonb NOT NULL DEFAULT '{}';
-- Until now every lesson began when it was opened.
UPDATE class_session SET started_at = created_at;
