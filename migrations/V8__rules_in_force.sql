-- Rules that have ended are removed in their order.
CREATE INDEX class_rule_until ON class_rule (until) WHERE until IS NOT NULL;

-- Whoever was sent out of a lesson does not look at its boards, over lists and pictures neither. Leaders obey no rule.
CREATE OR REPLACE VIEW class_board_reader AS
    SELECT b.board, m.account
    FROM class_board b
    JOIN member m ON m."group" = b.classroom
    WHERE (
            (b.pupil IS NULL AND b.team IS NULL)
            OR m.role IN ('tutor', 'assistant')
            OR b.pupil = m.account
            OR EXISTS (
                SELECT FROM class_team_member t
                WHERE t.session = b.session AND t.account = m.account AND t.team = b.team
            )
        )
        AND (m.role = 'tutor' OR NOT EXISTS (
            SELECT FROM class_rule r
            WHERE r.session = b.session AND r.account = m.account AND r.what = 'enter' AND NOT r.allowed
                AND (r.until IS NULL OR r.until > now())
        ));
