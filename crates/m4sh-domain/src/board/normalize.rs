//! Completes a state so that operations can work on it, before a client's batch (SPEC D12). Called by `apply`.
//! Never changes what is there: it only adds what is missing.

use super::{
    document::Document,
    members::MemberValue,
    page::Page,
    slots::{Keyed, Slots},
    transaction::Transaction,
};

/// Adds what is missing: a list of pages with at least one page, an id and the required lists for each page,
/// and an active page.
///
/// # Errors
/// The state has `pages` that are not a list.
pub(super) fn normalize_document(transaction: &mut Transaction<'_>) -> Result<(), &'static str> {
    if transaction.document().is_normalized {
        return Ok(());
    }
    match transaction.document().root.get("pages") {
        None => transaction.set_root("pages", Some(MemberValue::List(Slots::default()))),
        Some(MemberValue::List(_)) => {}
        Some(MemberValue::Raw(_)) => return Err("the state's `pages` is not a list"),
    }
    let active = transaction.document().active_page();
    if transaction.document().pages().is_some_and(|pages| pages.len() == 0) {
        transaction.add_page(Page::blank(active.as_deref().unwrap_or("page-1")));
    }
    let pages = transaction.document().pages().into_iter().flat_map(Slots::iter);
    let incomplete: Vec<u32> = pages
        .filter(|(_, page)| page.lacks_id() || page.missing_lists().next().is_some())
        .map(|(slot, _)| slot)
        .collect();
    let mut number = 0;
    for slot in incomplete {
        let Some(page) = transaction.document().page(slot) else { continue };
        let missing: Vec<_> = page.missing_lists().collect();
        if page.lacks_id() {
            let id = free_id(transaction.document(), &mut number);
            transaction.name_page(slot, &id);
        }
        for kind in missing {
            transaction.set_member(slot, kind.list(), Some(MemberValue::List(Slots::default())));
        }
    }
    if lacks_active_page(transaction.document()) {
        let document = transaction.document();
        let page = document.current_page().and_then(|slot| document.page(slot)?.id().cloned());
        if let Some(id) = page {
            transaction.set_root("activePageId", Some(MemberValue::text(&id)));
        }
    }
    transaction.set_normalized(true);
    Ok(())
}

/// The next of `page-1`, `page-2` … that no page has. Counts on, so that naming all pages is linear.
fn free_id(document: &Document, number: &mut u32) -> String {
    loop {
        *number += 1;
        let id = format!("page-{number}");
        if document.pages().is_none_or(|pages| pages.find(&id).is_none()) {
            return id;
        }
    }
}

fn lacks_active_page(document: &Document) -> bool {
    match document.root.get("activePageId") {
        None => true,
        Some(MemberValue::Raw(text)) => matches!(text.as_ref(), b"null" | b"\"\"" | b"0" | b"false"),
        Some(MemberValue::List(_)) => false,
    }
}
