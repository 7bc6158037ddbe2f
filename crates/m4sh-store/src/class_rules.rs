//! Rules about rights in a class and in its lessons. Called by the classroom actor and by `http`, which judge first.
//! Never reads the clock of this machine: PostgreSQL decides which rules have ended.

use tokio_postgres::Row;

use crate::{
    PageRequest, Store, StoreError,
    query::{Paged, queries},
    sql::{FromRow, column, each},
};
use m4sh_domain::{
    access::{Rights, Rule, RuleEdit, RuleSubject, StoredRule},
    ids::{ClassroomId, LessonId, UserId},
};

/// Rules to be removed: in the lesson or in its class, of whom (`None`: of everybody), about what, and whether of all.
type Removal = (bool, Option<UserId>, RuleSubject, bool);

queries! {
    /// One change of a class's rules at a time, in the order in which they come: two that touch the same rules never wait
    /// for each other in a circle.
    fn lock(classroom: ClassroomId, session: Option<LessonId>) -> Option<Option<LessonId>> = r#"
        SELECT s.id
        FROM "group" g
        LEFT JOIN class_session s ON s.classroom = g.id AND s.id = $2
        WHERE g.id = $1 AND g.kind = 'classroom'
        FOR NO KEY UPDATE OF g"#;

    fn clear(classroom: ClassroomId, session: Option<LessonId>, removals: &[Removal]) -> u64 = "
        DELETE FROM class_rule r
        USING unnest($3::boolean[], $4::uuid[], $5::text[], $6::boolean[]) AS e (in_session, account, what, every)
        WHERE r.classroom = $1
            AND r.session IS NOT DISTINCT FROM CASE WHEN e.in_session THEN $2::uuid END
            AND r.what = e.what
            AND (e.every OR r.account IS NOT DISTINCT FROM e.account)", [
        classroom, session, each(removals, |it| it.0), each(removals, |it| it.1), each(removals, |it| it.2),
        each(removals, |it| it.3),
    ];

    fn set(classroom: ClassroomId, session: Option<LessonId>, by: UserId, rules: &[Rule]) -> u64 = "
        INSERT INTO class_rule (classroom, session, account, what, allowed, until, made_by)
        SELECT $1, CASE WHEN e.in_session THEN $2::uuid END, e.account, e.what, e.allowed, e.until, $3
        FROM unnest($4::boolean[], $5::uuid[], $6::text[], $7::boolean[], $8::timestamptz[])
            AS e (in_session, account, what, allowed, until)
        ON CONFLICT ON CONSTRAINT class_rule_one DO UPDATE
        SET allowed = excluded.allowed, until = excluded.until, made_by = excluded.made_by, made_at = now()", [
        classroom, session, by, each(rules, |rule| rule.session), each(rules, |rule| rule.who),
        each(rules, |rule| rule.subject), each(rules, |rule| rule.allowed), each(rules, |rule| rule.until),
    ];

    /// How many rules of a class hold, and one page of them; of a lesson, its own and its class's, which hold there, too.
    pub fn rules(classroom: ClassroomId, session: Option<LessonId>, page: PageRequest) -> Paged<StoredRule> = "
        WITH held AS MATERIALIZED (
            SELECT made_by, session, account, what, allowed, until, made_at
            FROM class_rule
            WHERE classroom = $1 AND (session IS NULL OR session = $2) AND (until IS NULL OR until > now())
        ), page AS (
            SELECT * FROM held ORDER BY session NULLS FIRST, account NULLS FIRST, what, until NULLS FIRST LIMIT $3 OFFSET $4
        )
        SELECT total, page.* FROM (SELECT count(*) AS total FROM held) AS counted LEFT JOIN page ON true
        ORDER BY session NULLS FIRST, account NULLS FIRST, what, until NULLS FIRST", [
        classroom, session, page.limit(), page.offset(),
    ];

    /// The rights that hold in a class as a whole, before any lesson of it; `None`: no such class.
    pub fn class_rights(classroom: ClassroomId) -> Option<Rights> = r#"
        SELECT 'active' AS status, NULL::uuid AS pupil, NULL::integer AS team, m.*, r.*
        FROM "group" g
        CROSS JOIN LATERAL (
            SELECT array_agg(account) AS accounts, array_agg(role) AS roles FROM member WHERE "group" = g.id
        ) m
        CROSS JOIN LATERAL (
            SELECT array_agg(false) AS rule_sessions, array_agg(account) AS rule_accounts,
                array_agg(what) AS rule_subjects, array_agg(allowed) AS rule_alloweds, array_agg(until) AS rule_untils
            FROM class_rule
            WHERE classroom = g.id AND session IS NULL AND (until IS NULL OR until > now())
        ) r
        WHERE g.id = $1 AND g.kind = 'classroom'"#;
}

impl FromRow for StoredRule {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let rule = Rule {
            session: column::<Option<LessonId>>(row, "session")?.is_some(),
            who: column(row, "account")?,
            subject: column(row, "what")?,
            allowed: column(row, "allowed")?,
            until: column(row, "until")?,
        };
        Ok(Self { rule, by: column(row, "made_by")?, at: column(row, "made_at")? })
    }
}

impl Store {
    /// Makes all of the edits or none, what is cleared before what is set; says how many rules were touched. `None`: no
    /// such class, or no such lesson in it. Without a lesson only rules of the class can be edited.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn edit_rules(
        &self,
        (classroom, session): (ClassroomId, Option<LessonId>),
        by: UserId,
        edits: &[RuleEdit],
    ) -> Result<Option<u64>, StoreError> {
        let (mut removals, mut rules) = (Vec::new(), Vec::new());
        for edit in edits {
            match *edit {
                RuleEdit::Set(rule) => rules.push(rule),
                RuleEdit::Clear { session, who, what: subject } => removals.push((session, who, subject, false)),
                RuleEdit::ClearAll { session, what: subject } => removals.push((session, None, subject, true)),
            }
        }
        if session.is_none() && (removals.iter().any(|it| it.0) || rules.iter().any(|it| it.session)) {
            return Ok(None);
        }
        let mut conn = self.pool.get().await?;
        let tx = conn.begin().await?;
        if !lock(&tx, classroom, session).await?.is_some_and(|found| found == session) {
            return Ok(None);
        }
        let mut touched = 0;
        if !removals.is_empty() {
            touched += clear(&tx, classroom, session, &removals).await?;
        }
        if !rules.is_empty() {
            touched += set(&tx, classroom, session, by, &rules).await?;
        }
        tx.commit().await?;
        Ok(Some(touched))
    }
}
