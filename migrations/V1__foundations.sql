-- The foundations: accounts and logins, one tree of nodes, boards with their journal, groups and their class sessions,
-- and the event log. Names are chosen so that what comes later (files, grants, links, revisions, jobs) adds tables and
-- columns and renames nothing.
--
-- Ids are UUIDv7, made by the program: they sort by time, so that new rows land at the right edge of an index.
-- Kinds, roles and statuses are text with a CHECK and not enum types: adding one is then an ordinary change that a
-- migration can undo, and the words are the same in the database, on the wire and in the code.

-- ---------------------------------------------------------------------------------------------------------------------
-- Accounts. `role` is what somebody said at registration; what they are in a class is their membership's role.
CREATE TABLE account (
    id            uuid        NOT NULL CONSTRAINT account_pkey PRIMARY KEY,
    email         text        NOT NULL,
    password_hash text        NOT NULL,               -- PHC string: carries its own algorithm and parameters
    first_name    text        NOT NULL DEFAULT '',
    last_name     text        NOT NULL DEFAULT '',
    role          text        NOT NULL CHECK (role IN ('student', 'tutor')),
    quota_bytes   bigint      NOT NULL CHECK (quota_bytes >= 0),   -- 0 is unlimited
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz
);

-- The address is kept as it was typed and unique in whatever case: people do not remember which they used.
CREATE UNIQUE INDEX account_email ON account (lower(email));

-- One row for each login. Refresh tokens hang on it as one family and access tokens carry its id, so that ending the
-- row ends them all.
CREATE TABLE auth_session (
    id         uuid        NOT NULL CONSTRAINT auth_session_pkey PRIMARY KEY,
    account    uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,                  -- of its newest refresh token
    ended_at   timestamptz,
    address    inet,
    agent      text
);

-- "End all my logins", and a list of them.
CREATE INDEX auth_session_account ON auth_session (account);
-- Every node asks again and again for the logins that ended lately; those that go on are the many and are left out.
CREATE INDEX auth_session_ended ON auth_session (ended_at) WHERE ended_at IS NOT NULL;

-- Used tokens stay until they expire: that is how a replay is recognised. Only hashes are kept, so that a copy of the
-- database signs nobody in.
CREATE TABLE refresh_token (
    hash         bytea       NOT NULL CONSTRAINT refresh_token_pkey PRIMARY KEY CHECK (octet_length(hash) = 32),
    auth_session uuid        NOT NULL REFERENCES auth_session ON DELETE CASCADE,
    used_at      timestamptz,
    expires_at   timestamptz NOT NULL
);

CREATE INDEX refresh_token_auth_session ON refresh_token (auth_session);

-- ---------------------------------------------------------------------------------------------------------------------
-- One tree: a board is a node beside files and folders, so that listing, moving, sharing, trash and search exist once.
CREATE TABLE node (
    id            uuid        NOT NULL CONSTRAINT node_pkey PRIMARY KEY,
    kind          text        NOT NULL CHECK (kind IN ('folder', 'file', 'board')),
    owner         uuid        NOT NULL REFERENCES account,
    parent        uuid        REFERENCES node ON DELETE CASCADE,   -- NULL: at the top of its owner's tree
    name          text        NOT NULL CHECK (char_length(name) <= 255),
    -- A folder that the program itself files things into. Found by this and not by its name, so that people may
    -- rename it.
    purpose       text        CHECK (purpose IN ('boards')),
    thumbnail_url text,
    trashed_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX node_purpose ON node (owner, purpose) WHERE purpose IS NOT NULL;
CREATE INDEX node_parent ON node (parent);
-- "My boards": the list reads the journal's head for each row that it finds here.
CREATE INDEX node_owner ON node (owner, kind) WHERE trashed_at IS NULL;

-- What a node is besides, when it is a board. `epoch` counts its owners: the process that raised it last may write,
-- and nobody else. Only the fence and takeovers touch this row, hence no more columns here and room for updates in
-- place.
CREATE TABLE board (
    id         uuid    NOT NULL CONSTRAINT board_pkey PRIMARY KEY REFERENCES node ON DELETE CASCADE,
    epoch      bigint  NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    page_count integer NOT NULL DEFAULT 1 CHECK (page_count >= 1)  -- of revision 0; afterwards the journal knows
) WITH (fillfactor = 70);

-- The journal: every accepted batch, in order, for as long as history is kept. This is what "saved" means.
--
-- No foreign key to `board`, on purpose. The fence of an append already holds the board's row under FOR SHARE, so the
-- row cannot go while the append is in flight; a foreign key would look up and lock the same row once more for every
-- journal row, on the one path where every microsecond is paid by each stroke. Deleting a board takes its row first
-- (which waits for the fence) and then its journal, so nothing is left behind.
--
-- Fixed-width columns first, widest first: no padding between them in what is the largest table.
CREATE TABLE journal (
    rev         bigint      NOT NULL,
    epoch       bigint      NOT NULL,
    at          timestamptz NOT NULL,                 -- when its owner accepted it
    fingerprint bigint      NOT NULL,                 -- of the operations as they were submitted
    page_count  integer     NOT NULL,                 -- after this batch
    format      smallint    NOT NULL,                 -- of `ops`; 1 is a canonical JSON array
    board       uuid        NOT NULL,
    author      uuid        NOT NULL,
    client      uuid        NOT NULL,
    batch       text        NOT NULL,                 -- (author, client, batch) is the exactly-once identity
    digest      bytea,                                -- of the state after this batch, where it was computed
    ops         bytea       NOT NULL,                 -- the operations as they took effect
    -- The order of the key serves every reader: the tail after a revision, the newest row, the last receipts. It is
    -- also the second net below the fence: one revision is written once.
    CONSTRAINT journal_pkey PRIMARY KEY (board, rev)
);

-- Rows are appended and never changed. The default would vacuum only after a fifth of the table was inserted anew;
-- sooner keeps the visibility map fresh and spreads the freezing.
ALTER TABLE journal SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- States to begin from instead of replaying everything: the last few, and the one of revision 0, from which the whole
-- journal can be replayed when every other is bad.
CREATE TABLE checkpoint (
    board      uuid        NOT NULL REFERENCES board ON DELETE CASCADE,
    rev        bigint      NOT NULL CHECK (rev >= 0),
    epoch      bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    bytes      bytea       NOT NULL,
    CONSTRAINT checkpoint_pkey PRIMARY KEY (board, rev)
);

-- They are compressed already: a second attempt would cost time and gain nothing.
ALTER TABLE checkpoint ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- ---------------------------------------------------------------------------------------------------------------------
-- Groups of people. A classroom is one that owns a folder, holds lessons and is joined by code; a share given to a
-- group later needs no second kind of membership.
CREATE TABLE "group" (
    id          uuid        NOT NULL CONSTRAINT group_pkey PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('team', 'classroom')),
    name        text        NOT NULL CHECK (char_length(name) <= 255),
    owner       uuid        NOT NULL REFERENCES account,
    invite_code text        CONSTRAINT group_invite_code UNIQUE,
    folder      uuid        NOT NULL REFERENCES node,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Deleting a node asks whether it is a group's folder.
CREATE INDEX group_folder ON "group" (folder);

CREATE TABLE member (
    "group"   uuid        NOT NULL REFERENCES "group" ON DELETE CASCADE,
    account   uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    role      text        NOT NULL CHECK (role IN ('tutor', 'student', 'viewer')),
    joined_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT member_pkey PRIMARY KEY ("group", account)
);

-- "My classrooms".
CREATE INDEX member_account ON member (account);

-- One lesson of a classroom, with its board.
CREATE TABLE class_session (
    id         uuid        NOT NULL CONSTRAINT class_session_pkey PRIMARY KEY,
    classroom  uuid        NOT NULL REFERENCES "group" ON DELETE CASCADE,
    board      uuid        NOT NULL CONSTRAINT class_session_board UNIQUE REFERENCES board ON DELETE CASCADE,
    name       text        NOT NULL CHECK (char_length(name) <= 255),
    status     text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    CHECK ((status = 'ended') = (ended_at IS NOT NULL))
);

CREATE INDEX class_session_classroom ON class_session (classroom, created_at DESC);

-- ---------------------------------------------------------------------------------------------------------------------
-- What happened: activity, audit and share access are views of it. Append-only, and without foreign keys: what is
-- logged outlives the account, the node and the link that it is about.
CREATE TABLE event (
    id         uuid        NOT NULL CONSTRAINT event_pkey PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      uuid,
    category   text        NOT NULL CHECK (category IN ('file', 'share', 'account', 'board', 'classroom', 'admin')),
    action     text        NOT NULL,
    node       uuid,
    link       uuid,
    ip         inet,
    agent      text,
    request_id text,
    data       jsonb       NOT NULL DEFAULT '{}'
);
