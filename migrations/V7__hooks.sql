-- Webhooks of a class: what happened in it, told to addresses of its tutors, in order and at least once.

-- What happened in a class that has webhooks, numbered. It is read out of what other tables say was committed, and the
-- marks of how far it was read (here, in hook_session and in hook_board) move in the transaction that numbers the
-- events: whatever crashes, nothing is passed over and nothing is numbered twice. The row is there while a webhook is.
CREATE TABLE hook_feed (
    classroom    uuid        NOT NULL CONSTRAINT hook_feed_pkey PRIMARY KEY REFERENCES "group" ON DELETE CASCADE,
    seq          bigint      NOT NULL DEFAULT 0,
    due          timestamptz NOT NULL DEFAULT now(),  -- when it is looked at next
    -- Lessons older than this were all seen; exports that finished before that, too. Both lag behind the clock by more
    -- than any transaction may take, since a row can become visible later than its time says.
    lessons_from timestamptz NOT NULL DEFAULT now() - interval '1 hour',
    exports_from timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX hook_feed_due ON hook_feed (due);

-- A lesson that is looked at. `started`: it was told of; one that is planned waits for that. `hand`: the last class event
-- that was looked at. `open`: whether anything more may come.
CREATE TABLE hook_session (
    session   uuid    NOT NULL CONSTRAINT hook_session_pkey PRIMARY KEY REFERENCES class_session ON DELETE CASCADE,
    classroom uuid    NOT NULL REFERENCES hook_feed ON DELETE CASCADE,
    started   boolean NOT NULL DEFAULT false,
    hand      bigint  NOT NULL DEFAULT 0,
    ended     boolean NOT NULL DEFAULT false,
    open      boolean NOT NULL DEFAULT true
);

CREATE INDEX hook_session_classroom ON hook_session (classroom);
CREATE INDEX hook_session_open ON hook_session (classroom) WHERE open;

-- Up to which revision a board was told of, and when that was.
CREATE TABLE hook_board (
    board   uuid        NOT NULL CONSTRAINT hook_board_pkey PRIMARY KEY REFERENCES board ON DELETE CASCADE,
    session uuid        NOT NULL REFERENCES hook_session ON DELETE CASCADE,
    rev     bigint      NOT NULL,
    told_at timestamptz NOT NULL
);

CREATE INDEX hook_board_session ON hook_board (session);

CREATE TABLE hook_event (
    classroom uuid        NOT NULL REFERENCES hook_feed ON DELETE CASCADE,
    seq       bigint      NOT NULL,
    id        uuid        NOT NULL CONSTRAINT hook_event_id UNIQUE,   -- of an export: the export's own
    type      text        NOT NULL,
    at        timestamptz NOT NULL,
    session   uuid,
    board     uuid,
    person    uuid,                                   -- whose hand, whose export: for the erasure of a person
    data      jsonb       NOT NULL,
    CONSTRAINT hook_event_pkey PRIMARY KEY (classroom, seq)
);

-- What is removed after its time, and from where a replay begins.
CREATE INDEX hook_event_at ON hook_event (at);
CREATE INDEX hook_event_since ON hook_event (classroom, at);
CREATE INDEX hook_event_person ON hook_event (person) WHERE person IS NOT NULL;

CREATE TABLE hook (
    id            uuid        NOT NULL CONSTRAINT hook_pkey PRIMARY KEY,
    classroom     uuid        NOT NULL REFERENCES hook_feed ON DELETE CASCADE,
    url           text        NOT NULL CHECK (char_length(url) <= 2048),
    events        text[]      NOT NULL,
    -- As it is and not as a hash: it signs.
    secret        text        NOT NULL,
    old_secret    text,
    old_until     timestamptz,
    status        text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'failing', 'paused')),
    -- The last event that was delivered or passed over, and the last one that there is. Both in this row, so that one
    -- update decides whether there is more to do, whoever else moves the other.
    cursor        bigint      NOT NULL,
    head          bigint      NOT NULL,
    -- When somebody may work on it (again); NULL: there is nothing to do. While somebody does, the end of the lease.
    due           timestamptz,
    lease         uuid,
    failures      integer     NOT NULL DEFAULT 0,
    failing_since timestamptz,
    last_error    text,
    created_by    uuid        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX hook_classroom ON hook (classroom, created_at);
CREATE INDEX hook_due ON hook (due) WHERE due IS NOT NULL;

-- What became of each event at each webhook.
CREATE TABLE hook_delivery (
    hook         uuid        NOT NULL REFERENCES hook ON DELETE CASCADE,
    seq          bigint      NOT NULL,
    type         text        NOT NULL,
    attempts     integer     NOT NULL,
    answered     integer,                             -- the last answer's status; NULL: there was none
    error        text,
    tried_at     timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    CONSTRAINT hook_delivery_pkey PRIMARY KEY (hook, seq)
);

CREATE INDEX hook_delivery_tried ON hook_delivery (tried_at);
