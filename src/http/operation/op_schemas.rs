//! The schemas of the operations of a batch, as clients send them. Used by the body of a diff.
//! Never read from a request: `Op` of the domain reads them.

#![allow(dead_code, reason = "only the description has them")]

use utoipa::ToSchema;

use super::schemas::{ItemId, Members, OperationKind};

/// One change. Unknown fields are dropped; numbers as ids become their text. Where every operation has an `op_id`, these name the batch.
#[derive(ToSchema)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum OpRequest {
    Add(AddRequest),
    Update(UpdateRequest),
    Remove(RemoveRequest),
}

/// Adds an item, a page or members of `meta`.
#[derive(ToSchema)]
#[schema(example = json!({
    "kind": "stroke", "page_id": "page-1",
    "value": {"id": "stroke-1", "tool": "pen", "color": "#111111", "size": 3, "points": [{"x": 10, "y": 20}, {"x": 60, "y": 45}]},
}))]
pub struct AddRequest {
    kind: OperationKind,
    /// The page of an item; else its value's `page_id`, else the active page.
    #[schema(required = false)]
    page_id: ItemId,
    value: Members,
}

/// Merges members into an item, a page or `meta`, one level deep.
#[derive(ToSchema)]
pub struct UpdateRequest {
    kind: OperationKind,
    id: ItemId,
    #[schema(required = false)]
    page_id: ItemId,
    /// `value` is taken in its place.
    patch: Members,
}

/// Takes an item, a page or a key of `meta` out.
#[derive(ToSchema)]
pub struct RemoveRequest {
    kind: OperationKind,
    id: ItemId,
    #[schema(required = false)]
    page_id: ItemId,
}
