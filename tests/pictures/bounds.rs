//! What must not bring the renderer down: hostile states, and its own bounds.
