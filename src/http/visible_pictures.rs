//! What somebody may be given of a board on which work is hidden, beside its state: files and pictures.
//! Called by handlers of snapshots, assets and copies. Never guesses from a board as it is now: what was hidden once counts.

use std::collections::HashSet;

use bytes::Bytes;

use super::{Services, problem::Problem};
use m4sh_domain::{
    access::Visibility,
    ids::{BoardId, UserId},
};

/// An asset's hash.
type Hash = [u8; 32];

/// Which pictures of a board somebody may have.
pub(super) enum VisiblePictures {
    /// All of them.
    All,
    /// Those that the state names that they see, and those that they uploaded.
    Named(HashSet<Hash>, Option<UserId>),
}

impl VisiblePictures {
    /// Whether they may have this one.
    pub(super) fn has(&self, sha256: &Hash, author: Option<UserId>) -> bool {
        match self {
            Self::All => true,
            Self::Named(named, own) => named.contains(sha256) || (own.is_some() && *own == author),
        }
    }
}

impl Services {
    /// Passes unless a whole state of the board may hold what is hidden from somebody with this visibility.
    ///
    /// # Errors
    /// 403.
    pub(super) async fn may_have_whole_states(&self, board: BoardId, visibility: Visibility) -> Result<(), Problem> {
        if visibility == Visibility::All || !self.store.was_isolated(board).await? {
            return Ok(());
        }
        Err(Problem::Forbidden("Work on this board was hidden, so its snapshots are for those who see all of it."))
    }

    /// Which pictures of a board `who`, with this visibility, may have.
    ///
    /// # Errors
    /// As a read of the board.
    pub(super) async fn pictures_for(
        &self,
        board: BoardId,
        who: UserId,
        visibility: Visibility,
    ) -> Result<VisiblePictures, Problem> {
        if visibility == Visibility::All || !self.store.was_isolated(board).await? {
            return Ok(VisiblePictures::All);
        }
        let state = self.directory.boards().read(board, who).await?.state;
        Ok(VisiblePictures::Named(named_in(state).await?, Some(who)))
    }

    /// The same for a visitor with a link.
    ///
    /// # Errors
    /// As a read of the board.
    pub(super) async fn pictures_for_guests(&self, board: BoardId) -> Result<VisiblePictures, Problem> {
        if !self.store.was_isolated(board).await? {
            return Ok(VisiblePictures::All);
        }
        let state = self.directory.boards().read_shared(board).await?.state;
        Ok(VisiblePictures::Named(named_in(state).await?, None))
    }

    /// Takes from a fresh copy of a board the pictures that its state does not name, when they may be hidden in the
    /// original.
    ///
    /// # Errors
    /// 503 without a database.
    pub(super) async fn forget_hidden_pictures(
        &self,
        from: BoardId,
        copy: BoardId,
        state: &Bytes,
    ) -> Result<(), Problem> {
        if self.store.was_isolated(from).await? {
            let named: Vec<Hash> = named_in(state.clone()).await?.into_iter().collect();
            self.store.keep_assets(copy, &named).await?;
        }
        Ok(())
    }
}

/// The assets that a state names, however many: read on another thread, for a state may be large.
async fn named_in(state: Bytes) -> Result<HashSet<Hash>, Problem> {
    actix_web::web::block(move || named(&state)).await.map_err(|error| Problem::Internal(error.to_string()))
}

fn named(state: &[u8]) -> HashSet<Hash> {
    const MARK: &[u8] = b"\"asset:";
    let mut found = HashSet::new();
    let mut rest = state;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        rest = &rest[at + MARK.len()..];
        if let Some((hex, [b'"', ..])) = rest.split_at_checked(64) {
            found.extend(hash(hex));
        }
    }
    found
}

fn hash(hex: &[u8]) -> Option<Hash> {
    let mut bytes = [0; 32];
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? * 16 + digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i10_every_picture_that_a_state_names_is_found() {
        let state = format!(
            r#"{{"a":"asset:{}","b":["asset:{}","asset:12"],"c":"x asset:{}"}}"#,
            "0f".repeat(32),
            "a1".repeat(32),
            "bb".repeat(32)
        );
        assert_eq!(named(state.as_bytes()), HashSet::from([[0x0f; 32], [0xa1; 32]]));
        assert!(named(format!(r#"{{"a":"asset:{}"}}"#, "zz".repeat(32)).as_bytes()).is_empty());
    }
}
