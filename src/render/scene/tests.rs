//! What a page becomes: every era's shape, and what makes no sense.
