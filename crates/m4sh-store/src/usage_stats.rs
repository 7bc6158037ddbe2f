//! Walking over every board, for `m4sh verify`.
//! Called by `app`. Never on a request's path.

use uuid::Uuid;

use super::{Store, StoreError};
use m4sh_domain::ids::BoardId;

impl Store {
    /// The ids of at most `rows` boards after `after`, in order of their ids.
    ///
    /// # Errors
    /// As every read of the store.
    pub async fn board_ids(&self, after: Option<BoardId>, rows: u32) -> Result<Vec<BoardId>, StoreError> {
        let after = after.map_or(Uuid::nil(), |id| id.0);
        let sql = "SELECT id FROM board WHERE id > $1 ORDER BY id LIMIT $2";
        let found = self.pool.get().await?.query(sql, &[&after, &i64::from(rows)]).await?;
        Ok(found.iter().map(|row| BoardId(row.get(0))).collect())
    }
}
