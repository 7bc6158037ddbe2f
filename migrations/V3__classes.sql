-- A class that is led: rules about rights, boards for single pupils and groups, and what was said and done in a lesson.

ALTER TABLE member DROP CONSTRAINT member_role_check;
ALTER TABLE member ADD CONSTRAINT member_role_check CHECK (role IN ('tutor', 'assistant', 'student', 'viewer'));

-- Exceptions from what a role brings: a flag, the pen, or being here at all. `session` NULL: in every lesson of the
-- class. `account` NULL: everybody who neither leads nor assists. One with an end stands beside one without, so that
-- after "the pen for two minutes" holds again what held before.
CREATE TABLE class_rule (
    classroom uuid        NOT NULL REFERENCES "group" ON DELETE CASCADE,
    session   uuid        REFERENCES class_session ON DELETE CASCADE,
    account   uuid        REFERENCES account ON DELETE CASCADE,
    what      text        NOT NULL,
    timed     boolean     NOT NULL GENERATED ALWAYS AS (until IS NOT NULL) STORED,
    allowed   boolean     NOT NULL,
    until     timestamptz,
    made_by   uuid        NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT class_rule_one UNIQUE NULLS NOT DISTINCT (classroom, session, account, what, timed)
);

CREATE INDEX class_rule_session ON class_rule (session) WHERE session IS NOT NULL;
CREATE INDEX class_rule_account ON class_rule (account) WHERE account IS NOT NULL;

-- Whether what pupils draw on the shared board is hidden from one another from now on. What was hidden is marked on the
-- board itself, in its journal.
ALTER TABLE class_session ADD COLUMN isolated boolean NOT NULL DEFAULT false;
CREATE INDEX class_session_over ON class_session (ended_at) WHERE status = 'ended';

-- Whether pupils who come later get a board of their own, too, and from which one it is copied.
ALTER TABLE class_session ADD COLUMN pupil_boards boolean NOT NULL DEFAULT false;
ALTER TABLE class_session ADD COLUMN pupil_template uuid;

-- Break-out groups of a lesson.
CREATE TABLE class_team (
    session uuid    NOT NULL REFERENCES class_session ON DELETE CASCADE,
    team    integer NOT NULL CHECK (team >= 1),       -- never used again in a lesson: its board may hold others' work
    name    text    NOT NULL CHECK (char_length(name) <= 255),
    CONSTRAINT class_team_pkey PRIMARY KEY (session, team)
);

CREATE TABLE class_team_member (
    session uuid    NOT NULL,
    account uuid    NOT NULL REFERENCES account ON DELETE CASCADE,
    team    integer NOT NULL,
    CONSTRAINT class_team_member_pkey PRIMARY KEY (session, account),
    FOREIGN KEY (session, team) REFERENCES class_team ON DELETE CASCADE
);

CREATE INDEX class_team_member_account ON class_team_member (account);

-- Boards of a lesson besides the shared one: a pupil's own, or a group's.
CREATE TABLE session_board (
    board      uuid        NOT NULL CONSTRAINT session_board_pkey PRIMARY KEY REFERENCES board ON DELETE CASCADE,
    session    uuid        NOT NULL REFERENCES class_session ON DELETE CASCADE,
    -- The lesson's, which never changes: with it the view below is of one table each, and a look for one board's row
    -- does not read all of them.
    classroom  uuid        NOT NULL,
    pupil      uuid        REFERENCES account ON DELETE CASCADE,
    team       integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((pupil IS NULL) <> (team IS NULL)),
    CONSTRAINT session_board_pupil UNIQUE (session, pupil),
    CONSTRAINT session_board_team UNIQUE (session, team)
);

CREATE INDEX session_board_of ON session_board (pupil) WHERE pupil IS NOT NULL;
CREATE INDEX session_board_class ON session_board (classroom);

-- Every board of every lesson, with whose it is.
CREATE VIEW class_board AS
    SELECT s.board, s.id AS session, s.classroom, s.status, NULL::uuid AS pupil, NULL::integer AS team, s.isolated
    FROM class_session s
    UNION ALL
    SELECT b.board, b.session, b.classroom, (SELECT s.status FROM class_session s WHERE s.id = b.session), b.pupil, b.team,
        false
    FROM session_board b;

-- Who may look at a board of a class: everybody in it at the shared one, and at the others those whose they are and
-- those from whom nothing is hidden.
CREATE VIEW class_board_reader AS
    SELECT b.board, m.account
    FROM class_board b
    JOIN member m ON m."group" = b.classroom
    WHERE m.role = 'tutor' OR (
        -- Whoever was sent out sees nothing until they may come back.
        NOT EXISTS (
            SELECT FROM class_rule r
            WHERE r.classroom = b.classroom AND (r.session IS NULL OR r.session = b.session) AND r.account = m.account
                AND r.what = 'enter' AND NOT r.allowed AND (r.until IS NULL OR r.until > now())
        ) AND (
            (b.pupil IS NULL AND b.team IS NULL)
            OR m.role = 'assistant'
            OR b.pupil = m.account
            OR EXISTS (
                SELECT FROM class_team_member t
                WHERE t.session = b.session AND t.account = m.account AND t.team = b.team
            )
        )
    );

-- What was said and done in a lesson beside its boards, in order: talk, hands, polls, timers, who leads where. `data` is
-- bytes and not jsonb: what people write may hold what jsonb changes or refuses.
CREATE TABLE class_event (
    session    uuid        NOT NULL REFERENCES class_session ON DELETE CASCADE,
    seq        bigint      NOT NULL CHECK (seq > 0),
    at         timestamptz NOT NULL,
    kind       text        NOT NULL,
    author     uuid,
    data       bytea       NOT NULL,
    removed_at timestamptz,                           -- taken out by its author or a moderator; the row stays
    removed_by uuid,
    CONSTRAINT class_event_pkey PRIMARY KEY (session, seq)
);

CREATE INDEX class_event_kind ON class_event (session, kind, seq);
CREATE INDEX class_event_author ON class_event (author) WHERE author IS NOT NULL;
