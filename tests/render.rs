//! Pictures of boards, through the real rendering process: golden images, formats, and what must not bring it down.
//! `M4SH_GOLDEN=write` draws the golden images anew (look at them before they are kept). Needs no database.

mod pictures;
