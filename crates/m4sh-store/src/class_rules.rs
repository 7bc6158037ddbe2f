//! Rules about rights in a class and in its lessons. Called by the classroom actor and by `http`, which judge first.
//! Never reads the clock of this machine: which rules have ended is Postgres' word here.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    PageRequest, Store, StoreError,
    pool::Params,
    rows::{self, get, word},
};
use m4sh_domain::{
    access::{Rights, Rule, RuleEdit, RuleSubject, StoredRule},
    ids::{ClassroomId, LessonId, UserId},
};

/// One change of a class's rules at a time, in the order in which they come: two that touch the same rules never wait for
/// each other in a circle.
const LOCK: &str = "
    SELECT s.id
    FROM \"group\" g
    LEFT JOIN class_session s ON s.classroom = g.id AND s.id = $2
    WHERE g.id = $1 AND g.kind = 'classroom'
    FOR NO KEY UPDATE OF g";

/// `every`: whoever it is about.
const CLEAR: &str = "
    DELETE FROM class_rule r
    USING unnest($3::boolean[], $4::uuid[], $5::text[], $6::boolean[]) AS e (in_session, account, what, every)
    WHERE r.classroom = $1
        AND r.session IS NOT DISTINCT FROM CASE WHEN e.in_session THEN $2::uuid END
        AND r.what = e.what
        AND (e.every OR r.account IS NOT DISTINCT FROM e.account)";

const SET: &str = "
    INSERT INTO class_rule (classroom, session, account, what, allowed, until, made_by)
    SELECT $1, CASE WHEN e.in_session THEN $2::uuid END, e.account, e.what, e.allowed, e.until, $3
    FROM unnest($4::boolean[], $5::uuid[], $6::text[], $7::boolean[], $8::timestamptz[])
        AS e (in_session, account, what, allowed, until)
    ON CONFLICT ON CONSTRAINT class_rule_one DO UPDATE
    SET allowed = excluded.allowed, until = excluded.until, made_by = excluded.made_by, made_at = now()";

/// A lesson's own rules and its class's, which hold there, too.
const LIST: &str = "
    WITH held AS MATERIALIZED (
        SELECT made_by AS id, session, account, what, allowed, until, made_at
        FROM class_rule
        WHERE classroom = $1 AND (session IS NULL OR session = $2) AND (until IS NULL OR until > now())
    ), page AS (
        SELECT * FROM held ORDER BY session NULLS FIRST, account NULLS FIRST, what, until NULLS FIRST LIMIT $3 OFFSET $4
    )
    SELECT total, page.* FROM (SELECT count(*) AS total FROM held) AS counted LEFT JOIN page ON true
    ORDER BY session NULLS FIRST, account NULLS FIRST, what, until NULLS FIRST";

/// The rights in a class before any lesson of it, as those on a board are read.
const OF_CLASS: &str = "
    SELECT 'active' AS status, NULL::uuid AS pupil, NULL::integer AS team, m.*, r.*
    FROM \"group\" g
    CROSS JOIN LATERAL (
        SELECT array_agg(account) AS accounts, array_agg(role) AS roles FROM member WHERE \"group\" = g.id
    ) m
    CROSS JOIN LATERAL (
        SELECT array_agg(false) AS rule_sessions, array_agg(account) AS rule_accounts,
            array_agg(what) AS rule_whats, array_agg(allowed) AS rule_alloweds, array_agg(until) AS rule_untils
        FROM class_rule
        WHERE classroom = g.id AND session IS NULL AND (until IS NULL OR until > now())
    ) r
    WHERE g.id = $1 AND g.kind = 'classroom'";

/// What an edit clears, as columns.
#[derive(Default)]
struct Cleared {
    sessions: Vec<bool>,
    accounts: Vec<Option<Uuid>>,
    whats: Vec<&'static str>,
    every: Vec<bool>,
}

/// What it sets.
#[derive(Default)]
struct Made {
    sessions: Vec<bool>,
    accounts: Vec<Option<Uuid>>,
    whats: Vec<&'static str>,
    alloweds: Vec<bool>,
    untils: Vec<Option<Timestamp>>,
}

fn columns(edits: &[RuleEdit]) -> (Cleared, Made) {
    let (mut cleared, mut made) = (Cleared::default(), Made::default());
    for edit in edits {
        match *edit {
            RuleEdit::Set(Rule { session, who, subject: what, allowed, until }) => {
                made.sessions.push(session);
                made.accounts.push(who.map(|user| user.0));
                made.whats.push(what.name());
                made.alloweds.push(allowed);
                made.untils.push(until);
            }
            RuleEdit::Clear { session, who, what } => {
                cleared.sessions.push(session);
                cleared.accounts.push(who.map(|user| user.0));
                cleared.whats.push(what.name());
                cleared.every.push(false);
            }
            RuleEdit::ClearAll { session, what } => {
                cleared.sessions.push(session);
                cleared.accounts.push(None);
                cleared.whats.push(what.name());
                cleared.every.push(true);
            }
        }
    }
    (cleared, made)
}

fn held(row: &Row) -> Result<StoredRule, StoreError> {
    let rule = Rule {
        session: get::<Option<Uuid>>(row, "session")?.is_some(),
        who: get::<Option<Uuid>>(row, "account")?.map(UserId),
        subject: word(row, "what", RuleSubject::from_name)?,
        allowed: get(row, "allowed")?,
        until: get(row, "until")?,
    };
    Ok(StoredRule { rule, by: UserId(get(row, "id")?), at: get(row, "made_at")? })
}

impl Store {
    /// Makes all of the edits or none, what is cleared before what is set; says how many rules were touched. `None`: no
    /// such class, or no such lesson in it. Without a lesson only rules of the class can be edited.
    ///
    /// # Errors
    /// As every query.
    pub async fn edit_rules(
        &self,
        (classroom, session): (ClassroomId, Option<LessonId>),
        by: UserId,
        edits: &[RuleEdit],
    ) -> Result<Option<u64>, StoreError> {
        let session = session.map(|session| session.0);
        let (cleared, made) = columns(edits);
        if session.is_none() && (cleared.sessions.contains(&true) || made.sessions.contains(&true)) {
            return Ok(None);
        }
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        let Some(found) = tx.query_opt(LOCK, &[&classroom.0, &session]).await? else { return Ok(None) };
        if session.is_some() && get::<Option<Uuid>>(&found, "id")?.is_none() {
            return Ok(None);
        }
        let mut touched = 0;
        if !cleared.whats.is_empty() {
            let Cleared { sessions, accounts, whats, every } = &cleared;
            let clear: Params = &[&classroom.0, &session, sessions, accounts, whats, every];
            touched += tx.execute(CLEAR, clear).await?;
        }
        if !made.whats.is_empty() {
            let Made { sessions, accounts, whats, alloweds, untils } = &made;
            let set: Params = &[&classroom.0, &session, &by.0, sessions, accounts, whats, alloweds, untils];
            touched += tx.execute(SET, set).await?;
        }
        tx.commit().await?;
        Ok(Some(touched))
    }

    /// The rights that hold in a class as a whole; `None`: no such class.
    ///
    /// # Errors
    /// As every query.
    pub async fn class_rights(&self, classroom: ClassroomId) -> Result<Option<Rights>, StoreError> {
        let row = self.pool.get().await?.query_opt(OF_CLASS, &[&classroom.0]).await?;
        row.as_ref().map(rows::rights).transpose()
    }

    /// How many rules of a class hold, and one page of them; of a lesson, its own and its class's.
    ///
    /// # Errors
    /// As every query.
    pub async fn rules(
        &self,
        classroom: ClassroomId,
        session: Option<LessonId>,
        page: PageRequest,
    ) -> Result<(u64, Vec<StoredRule>), StoreError> {
        let (limit, offset) = page.bounds();
        let which: Params = &[&classroom.0, &session.map(|session| session.0), &limit, &offset];
        let rows = self.pool.get().await?.query(LIST, which).await?;
        rows::paged(&rows, held)
    }
}

/// What this file asks, for the test that looks at the plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[LOCK, CLEAR, SET, LIST, OF_CLASS];
