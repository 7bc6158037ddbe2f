-- What is kept beside the journal: objects in the blob store and what refers to them (revisions, assets, renditions,
-- exports), what they cost (the ledger), share links, the work queue, answers that may be asked for twice, and what
-- clients tell of themselves.
--
-- Two things are kept by triggers and not by the program, because rows also vanish by cascade (a board is deleted, a
-- classroom goes with its folder) and no code path may forget them:
--   * `account_usage` is always the sum of `ledger`;
--   * an object whose last reference is gone is always found and removed.

-- ---------------------------------------------------------------------------------------------------------------------
-- Objects. The row is written before the bytes and sealed (`stored_at`) after them, in the transaction that makes the
-- reference, so that a crash in between leaves a row from which the sweep knows what to remove.
CREATE TABLE blob (
    id         uuid        NOT NULL CONSTRAINT blob_pkey PRIMARY KEY,
    key        text        NOT NULL CONSTRAINT blob_key UNIQUE CHECK (char_length(key) BETWEEN 1 AND 512),
    sha256     bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    size       bigint      NOT NULL CHECK (size >= 0),
    media_type text        NOT NULL,
    version    text,                                  -- the store's own version of the object, where it has such
    created_at timestamptz NOT NULL DEFAULT now(),
    stored_at  timestamptz                            -- NULL: the bytes are on their way, or never came
);

CREATE INDEX blob_unstored ON blob (created_at) WHERE stored_at IS NULL;

-- Objects to be removed from the store: an outbox, emptied by the sweep.
CREATE TABLE doomed_object (
    key   text        NOT NULL CONSTRAINT doomed_object_pkey PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);

-- Blobs that lost a reference, perhaps their last one: the sweep looks.
CREATE TABLE loose_blob (
    blob  uuid        NOT NULL CONSTRAINT loose_blob_pkey PRIMARY KEY REFERENCES blob ON DELETE CASCADE,
    since timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION doom_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO doomed_object (key) VALUES (OLD.key) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER blob_gone AFTER DELETE ON blob FOR EACH ROW EXECUTE FUNCTION doom_object();

-- Boards that are gone; their journals, which may be long, are removed a piece at a time.
CREATE TABLE doomed_journal (
    board uuid        NOT NULL CONSTRAINT doomed_journal_pkey PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION doom_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO doomed_journal (board) VALUES (OLD.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER board_gone AFTER DELETE ON board FOR EACH ROW EXECUTE FUNCTION doom_journal();

-- ---------------------------------------------------------------------------------------------------------------------
-- What storage costs whom. A reservation is a row that is not used yet: it counts against the quota from the moment
-- when the bytes are announced, and either becomes used or goes.
CREATE TABLE account_usage (
    account  uuid   NOT NULL CONSTRAINT account_usage_pkey PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    used     bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

INSERT INTO account_usage (account) SELECT id FROM account;

CREATE FUNCTION open_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO account_usage (account) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER account_made AFTER INSERT ON account FOR EACH ROW EXECUTE FUNCTION open_usage();

CREATE TABLE ledger (
    ref            uuid        NOT NULL CONSTRAINT ledger_pkey PRIMARY KEY,  -- the revision, asset, job … it pays for
    account        uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    kind           text        NOT NULL
        CHECK (kind IN ('file', 'version', 'trash', 'snapshot', 'asset', 'export', 'backup', 'avatar')),
    bytes          bigint      NOT NULL CHECK (bytes >= 0),
    created_at     timestamptz NOT NULL DEFAULT now(),
    reserved_until timestamptz                         -- NULL: used
);

CREATE INDEX ledger_account ON ledger (account);
CREATE INDEX ledger_reserved ON ledger (reserved_until) WHERE reserved_until IS NOT NULL;

CREATE FUNCTION book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE account_usage
        SET used = used - CASE WHEN OLD.reserved_until IS NULL THEN OLD.bytes ELSE 0 END,
            reserved = reserved - CASE WHEN OLD.reserved_until IS NULL THEN 0 ELSE OLD.bytes END
        WHERE account = OLD.account;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE account_usage
        SET used = used + CASE WHEN NEW.reserved_until IS NULL THEN NEW.bytes ELSE 0 END,
            reserved = reserved + CASE WHEN NEW.reserved_until IS NULL THEN 0 ELSE NEW.bytes END
        WHERE account = NEW.account;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_booked AFTER INSERT OR UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION book();

-- Whatever refers to a blob and may cost something calls this as it goes.
CREATE FUNCTION let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ledger WHERE ref = OLD.id;
    INSERT INTO loose_blob (blob) SELECT OLD.blob WHERE OLD.blob IS NOT NULL ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- A kept state of a node: a board's snapshot, later a file's version. `number` is a board's revision.
CREATE TABLE revision (
    id         uuid        NOT NULL CONSTRAINT revision_pkey PRIMARY KEY,
    node       uuid        NOT NULL REFERENCES node ON DELETE CASCADE,
    number     bigint      NOT NULL CHECK (number >= 0),
    blob       uuid        NOT NULL REFERENCES blob,
    origin     text        NOT NULL CHECK (origin IN ('manual', 'automatic')),
    author     uuid,
    note       text        NOT NULL DEFAULT '' CHECK (char_length(note) <= 500),
    pinned     boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT revision_number UNIQUE (node, number)
);

CREATE INDEX revision_blob ON revision (blob);
CREATE TRIGGER revision_gone AFTER DELETE ON revision FOR EACH ROW EXECUTE FUNCTION let_go();

-- A picture or document placed on a board. Operations refer to it as `asset:<sha256>`, which a copy of the board
-- can keep: the copy's rows name the same blobs.
CREATE TABLE asset (
    id         uuid        NOT NULL CONSTRAINT asset_pkey PRIMARY KEY,
    node       uuid        NOT NULL REFERENCES node ON DELETE CASCADE,
    sha256     bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    blob       uuid        NOT NULL REFERENCES blob,
    name       text        NOT NULL CHECK (char_length(name) <= 255),
    width      integer,
    height     integer,
    pages      integer,
    author     uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT asset_content UNIQUE (node, sha256)
);

CREATE INDEX asset_blob ON asset (blob);
CREATE TRIGGER asset_gone AFTER DELETE ON asset FOR EACH ROW EXECUTE FUNCTION let_go();

-- What was derived from a node and can be derived again, so it is charged to nobody.
CREATE TABLE rendition (
    id         uuid        NOT NULL CONSTRAINT rendition_pkey PRIMARY KEY,
    node       uuid        NOT NULL REFERENCES node ON DELETE CASCADE,
    kind       text        NOT NULL CHECK (kind IN ('thumbnail')),
    number     bigint      NOT NULL,                  -- the revision it shows
    blob       uuid        NOT NULL REFERENCES blob,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT rendition_kind UNIQUE (node, kind)
);

CREATE INDEX rendition_blob ON rendition (blob);
CREATE TRIGGER rendition_gone AFTER DELETE ON rendition FOR EACH ROW EXECUTE FUNCTION let_go();
-- A new thumbnail replaces the old one in its row.
CREATE TRIGGER rendition_replaced AFTER UPDATE OF blob ON rendition
    FOR EACH ROW WHEN (OLD.blob <> NEW.blob) EXECUTE FUNCTION let_go();

-- ---------------------------------------------------------------------------------------------------------------------
-- Work that outlives a request: exports, thumbnails, snapshots on a timer, and everything on the schedule. A worker
-- leases a row; a lease that runs out is somebody else's.
CREATE TABLE job (
    id              uuid        NOT NULL CONSTRAINT job_pkey PRIMARY KEY,
    kind            text        NOT NULL,
    account         uuid        REFERENCES account ON DELETE CASCADE,  -- who asked; NULL: the program itself
    node            uuid        REFERENCES node ON DELETE CASCADE,
    idempotency_key text,
    fingerprint     bytea,                            -- of what was asked under that key
    params          jsonb       NOT NULL DEFAULT '{}',
    status          text        NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    progress        smallint    NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    attempts        integer     NOT NULL DEFAULT 0,
    run_at          timestamptz NOT NULL DEFAULT now(),
    leased_until    timestamptz,
    lease           uuid,                             -- of the worker that has it
    error           text,
    blob            uuid        REFERENCES blob,
    result          jsonb,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    expires_at      timestamptz                       -- from then on its result is no longer offered
);

-- One job for each key: of a person for a node, and of the program for a kind (a time on the schedule, a revision).
CREATE UNIQUE INDEX job_asked ON job (account, node, kind, idempotency_key)
    WHERE account IS NOT NULL AND idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX job_own ON job (kind, idempotency_key) WHERE account IS NULL AND idempotency_key IS NOT NULL;
CREATE INDEX job_due ON job (run_at) WHERE status IN ('pending', 'processing');
CREATE INDEX job_node ON job (node, kind, created_at DESC);
CREATE INDEX job_finished ON job (kind, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX job_blob ON job (blob) WHERE blob IS NOT NULL;
CREATE INDEX job_account ON job (account);
CREATE TRIGGER job_gone AFTER DELETE ON job FOR EACH ROW EXECUTE FUNCTION let_go();

-- What changed lately, for thumbnails and automatic snapshots.
CREATE INDEX checkpoint_created_at ON checkpoint (created_at);

-- ---------------------------------------------------------------------------------------------------------------------
-- Links to a node for people without an account. The token itself is not here: it is derived from the id by a key
-- that only the program has, so that its owner may see it again and a copy of the database opens nothing.
CREATE TABLE share_link (
    id               uuid        NOT NULL CONSTRAINT share_link_pkey PRIMARY KEY,
    token_hash       bytea       NOT NULL CONSTRAINT share_link_token UNIQUE CHECK (octet_length(token_hash) = 32),
    node             uuid        NOT NULL REFERENCES node ON DELETE CASCADE,
    created_by       uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    level            text        NOT NULL DEFAULT 'view' CHECK (level IN ('view', 'download')),
    allow_download   boolean     NOT NULL DEFAULT false,
    title            text        NOT NULL DEFAULT '' CHECK (char_length(title) <= 255),
    description      text        NOT NULL DEFAULT '' CHECK (char_length(description) <= 2000),
    password_hash    text,
    expires_at       timestamptz,
    max_views        integer     CHECK (max_views > 0),
    view_count       integer     NOT NULL DEFAULT 0,
    max_downloads    integer     CHECK (max_downloads > 0),
    download_count   integer     NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    last_accessed_at timestamptz,
    revoked_at       timestamptz
);

CREATE INDEX share_link_node ON share_link (node, created_at DESC);
CREATE INDEX share_link_created_by ON share_link (created_by);
CREATE INDEX share_link_expires_at ON share_link (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX share_link_revoked_at ON share_link (revoked_at) WHERE revoked_at IS NOT NULL;

-- ---------------------------------------------------------------------------------------------------------------------
-- Answers that may be asked for twice. Whoever inserts the row does the work; the others wait for its answer.
CREATE TABLE idempotency (
    account     uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    scope       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      smallint,                             -- NULL: under way
    body        bytea,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_pkey PRIMARY KEY (account, scope, key)
);

CREATE INDEX idempotency_expires_at ON idempotency (expires_at);

-- ---------------------------------------------------------------------------------------------------------------------
-- What clients tell of themselves: board metrics and telemetry, best effort. `data` is json and not jsonb: it is kept
-- as it came and never searched.
CREATE TABLE client_event (
    id                      bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT client_event_pkey PRIMARY KEY,
    at                      timestamptz NOT NULL,
    kind                    text        NOT NULL CHECK (kind IN ('board_metric', 'telemetry')),
    account                 uuid,
    session                 text,
    name                    text,
    version                 text,
    extra_draws_during_save double precision,
    main_thread_block_ms    double precision,
    input_latency_ms        double precision,
    save_rtt_ms             double precision,
    overlay_copy_ms         double precision,
    data                    json
);

-- Rows come in the order of time, so a summary of each range of pages is all that a search by time needs.
CREATE INDEX client_event_at ON client_event USING brin (at) WITH (pages_per_range = 32);

-- ---------------------------------------------------------------------------------------------------------------------
-- Views of the event log: what happened to a node, through a link, by somebody.
CREATE INDEX event_node ON event (node, at DESC) WHERE node IS NOT NULL;
CREATE INDEX event_link ON event (link, at DESC) WHERE link IS NOT NULL;
CREATE INDEX event_actor ON event (actor, at DESC) WHERE actor IS NOT NULL;
-- What matters to the safety of an account. Who tried to sign in is not known to be its owner, so such an event has no
-- actor and names the account in its data.
CREATE INDEX event_security ON event ((coalesce(actor::text, data ->> 'account')), at DESC)
    WHERE category IN ('account', 'share');
-- The planner learns nothing from the expression of a partial index.
CREATE STATISTICS event_subject ON (coalesce(actor::text, data ->> 'account')) FROM event;
CREATE INDEX event_at ON event USING brin (at) WITH (pages_per_range = 32);

-- What expired is removed by the schedule.
CREATE INDEX refresh_token_expires_at ON refresh_token (expires_at);
